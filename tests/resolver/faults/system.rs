//! `resolv.conf` as the system reads it.

use super::*;
use crate::scripted::Scripted;

#[tokio::test]
async fn what_cannot_be_read_costs_its_line() {
    let server = Scripted::start(|asked| match asked.name() == name("peers.ns.test.") {
        true => asked.address(1),
        false => asked.nothing(hickory_proto::op::ResponseCode::NXDomain),
    });
    let server = server.await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let text =
        b"nonsense\nnameserver \xff\nnameserver 127.0.0.1 # caf\xe9\nsearch a..test ns.test\n\
        nameserver 127.0.0.1\n";
    std::fs::write(file.path(), text).unwrap();
    let resolver = HickoryResolver::from_resolv_conf(file.path()).unwrap();
    let resolver = resolver.with_port(server.address.port());
    assert_eq!(found(ask_soon(&resolver, "peers", RecordType::A).await), [1].into());
}

#[test]
fn without_a_server_or_a_file_this_machine_is_asked() {
    let local = [SocketAddr::from(([127, 0, 0, 1], 53))];
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("resolv.conf");
    let resolver = HickoryResolver::from_resolv_conf(&path).unwrap();
    let resolver = resolver.with_check_interval(Duration::ZERO);
    assert_eq!(resolver.servers(), local);
    std::fs::write(&path, "search a.test\n").unwrap();
    assert_eq!(HickoryResolver::from_resolv_conf(&path).unwrap().servers(), local);
    std::fs::write(&path, "nameserver 10.0.0.1\n").unwrap();
    let other = [SocketAddr::from(([10, 0, 0, 1], 53))];
    assert_eq!(resolver.servers(), other);
    std::fs::write(&path, "").unwrap();
    assert_eq!(resolver.servers(), other, "the last good one stays");
}
