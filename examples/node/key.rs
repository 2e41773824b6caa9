//! The node's key, and the file that it is kept in.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use libp2p::identity::Keypair;

use crate::{
    NAME,
    common::{output::note, run::Stop},
};

/// More than any key takes: whatever is larger is no key.
const LARGEST: u64 = 16 * 1024;

/// The key in the file, which is made if there is none; without a file, a new key.
pub(crate) fn key(file: Option<&Path>) -> Result<Keypair, Stop> {
    let Some(path) = file else {
        return Ok(Keypair::generate_ed25519());
    };
    if let Some(key) = stored(path)? {
        return Ok(key);
    }
    let bytes = Keypair::generate_ed25519()
        .to_protobuf_encoding()
        .map_err(|error| Stop::failed("the new key cannot be encoded", &error))?;
    let kept = if path.exists() { fill(path, &bytes) } else { make(path, &bytes) };
    kept.map_err(|error| unusable(path, &format!("cannot be made ({error})")))?;
    // The one that is kept: another node may have made one meanwhile.
    stored(path)?.ok_or_else(|| unusable(path, "does not keep what is written there"))
}

/// The key in the file; `None` if there is no file, or nothing in it.
fn stored(path: &Path) -> Result<Option<Keypair>, Stop> {
    let unreadable = |error: &io::Error| unusable(path, &format!("cannot be read ({error})"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut bytes = Vec::new();
    (&file).take(LARGEST).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let key = Keypair::from_protobuf_encoding(&bytes).map_err(|_| {
        unusable(
            path,
            "holds no private key in libp2p's protobuf encoding; name another file, or one that \
             does not exist to have a key made",
        )
    })?;
    warn_if_open_to_others(&file, path);
    Ok(Some(key))
}

/// Makes the file. It gets its name when its content is on the disk, so that nobody ever finds a part of a key
/// there; one that is there by then is left as it is.
fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    folder.read_dir()?;
    // Nobody else may read it, from the start.
    let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        // Another node was quicker.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        kept => kept?,
    };
    // The name is to be on the disk, too; not all file systems can be asked for that.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Fills an empty file, as a crash leaves it where a file is made before it is written. It stays the same file:
/// it may be mounted by itself, or lie behind a link.
fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unusable(path: &Path, what: &str) -> Stop {
    Stop::Usage(format!("the key file `{}` {what}", path.display()))
}

/// Whoever can read a key can be this node.
#[cfg(unix)]
pub(crate) fn warn_if_open_to_others(file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.metadata().map_or(0, |data| data.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let path = path.display();
        note(NAME, &format!("the key file `{path}` is open to others (mode {mode:04o})"));
    }
}

#[cfg(not(unix))]
pub(crate) fn warn_if_open_to_others(_: &File, _: &Path) {}
