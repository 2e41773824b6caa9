//! The node's key, and the file that it is kept in.

use std::{
    fs::{File, OpenOptions},
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
    match File::open(path) {
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

/// Makes a key and keeps it. An existing file is never written over.
fn create(path: &Path) -> Result<Keypair, Stop> {
    let refuse = |error: &io::Error| unusable(path, &format!("cannot be made ({error})"));
    let key = Keypair::generate_ed25519();
    let bytes = key
        .to_protobuf_encoding()
        .map_err(|error| Stop::failed("the new key cannot be encoded", &error))?;
    let mut file = options().open(path).map_err(|error| refuse(&error))?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key would be refused at every start from now on.
        let _ = std::fs::remove_file(path);
        return Err(refuse(&error));
    }
    Ok(key)
}

/// The mode is given at creation: set afterwards, others could have opened the file before.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
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
