//! The node's key, and the file that it is kept in.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use libp2p::identity::Keypair;
use tempfile::NamedTempFile;

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
    match File::open(path) {
        Ok(file) if file.metadata().is_ok_and(|data| data.is_file() && data.len() == 0) => {
            create(path)
        }
        Ok(file) => read(file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(unusable(path, &format!("cannot be read ({error})"))),
    }
}

fn read(file: File, path: &Path) -> Result<Keypair, Stop> {
    let mut bytes = Vec::new();
    let read = (&file).take(LARGEST).read_to_end(&mut bytes);
    read.map_err(|error| unusable(path, &format!("cannot be read ({error})")))?;
    let key = Keypair::from_protobuf_encoding(&bytes).map_err(|_| {
        unusable(
            path,
            "holds no ed25519 key in libp2p's protobuf encoding; name another file, or one that \
             does not exist to have a key made",
        )
    })?;
    warn_if_open_to_others(&file, path);
    Ok(key)
}

/// Makes a key and keeps it. The file gets its name when its content is on the disk, so that nobody ever
/// finds a part of a key there. A file that is there already is never written over, unless it is empty, as a
/// crash leaves it where a file is made before it is written.
fn create(path: &Path) -> Result<Keypair, Stop> {
    let key = Keypair::generate_ed25519();
    let bytes = key
        .to_protobuf_encoding()
        .map_err(|error| Stop::failed("the new key cannot be encoded", &error))?;
    match keep(path, &bytes) {
        Ok(()) => Ok(key),
        // Another node has made one meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match File::open(path) {
            Ok(file) => read(file, path),
            Err(error) => Err(unusable(path, &format!("cannot be read ({error})"))),
        },
        Err(error) => Err(unusable(path, &format!("cannot be made ({error})"))),
    }
}

fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Nobody else may read it, from the start.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let is_empty = path.metadata().is_ok_and(|data| data.is_file() && data.len() == 0);
    match is_empty {
        true => file.persist(path),
        false => file.persist_noclobber(path),
    }?;
    // The name, too.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
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
