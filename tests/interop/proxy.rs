//! WebSockets behind a proxy that goes by names, and answers 404 for every other.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use futures::StreamExt;
use libp2p::{
    PeerId, Swarm, SwarmBuilder, Transport,
    core::upgrade::Version,
    identity::Keypair,
    noise,
    swarm::{NetworkBehaviour, SwarmEvent, dummy},
    tcp, websocket, yamux,
};
use libp2p_dns_discovery::{
    Behaviour, Config, Event, Failure, Filter, resolver::zone::Zone, websocket::HostHeader,
};
use tokio::{runtime::Runtime, time::Instant};

use crate::{
    program::PATIENCE,
    suite::{Answer, Story, Suite, When},
    tools::Tool,
};

const NGINX: Tool = Tool { name: "nginx", needs: "Debian's `nginx`" };
const COLUMNS: [&str; 3] =
    ["404 for an IP address", "the name of `/tls/sni`", "without TLS, a URL as the path"];

pub(crate) fn add(suite: &mut Suite) {
    suite.follow("Proxy", "nginx", &COLUMNS, When::Always, |story| {
        if let Err(why) = nginx(story) {
            story.give_up(&why);
        }
    });
}

fn nginx(story: &mut Story) -> Result<(), Answer> {
    NGINX.find()?;
    let runtime = Runtime::new().expect("a runtime starts");
    let (peer, backend) = runtime.block_on(node());
    let proxy = Proxy::start(backend)?;
    let learn = |source: String, is_named| runtime.block_on(proxy.learn(&source, is_named));
    let tls = format!("/dns4/front.example./tcp/{}/tls/ws", proxy.tls);
    let plain = format!("/dns4/front.example./tcp/{}", proxy.plain);

    for (source, is_named) in [(&tls, false), (&format!("{plain}/ws"), true)] {
        let learnt = learn(source.clone(), is_named);
        let is_404 = matches!(&learnt, Err(Failure::Transport(text)) if text.contains("404"));
        assert!(is_404, "{source}: {learnt:?}");
    }
    story.tell(Answer::Pass);

    assert_eq!(learn(tls, true), Ok(peer));
    story.tell(Answer::Pass);

    let by_path = format!("{plain}/x-parity-ws/http%3A%2F%2Ffront.example%2F");
    assert_eq!(learn(by_path, false), Ok(peer));
    story.tell(Answer::Pass);
    Ok(())
}

/// A proxy of one name, with TLS and without. It ends when this is dropped.
struct Proxy {
    child: Child,
    tls: u16,
    plain: u16,
    /// As DER.
    certificate: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Proxy {
    fn start(backend: u16) -> Result<Self, Answer> {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let signed = rcgen::generate_simple_self_signed(["front.example".to_owned()]);
        let signed = signed.expect("a certificate");
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("it can be written");
        };
        write("certificate.pem", signed.cert.pem());
        write("key.pem", signed.key_pair.serialize_pem());
        let (tls, plain) = (free_port(), free_port());
        write("nginx.conf", config(folder.path(), tls, plain, backend));
        let child = NGINX
            .command()?
            .args(["-p", ".", "-e", "error.log", "-c"])
            .arg(folder.path().join("nginx.conf"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let certificate = signed.cert.der().to_vec();
        let mut proxy = Self { child, tls, plain, certificate, _folder: folder };
        proxy.until_it_listens();
        Ok(proxy)
    }

    fn until_it_listens(&mut self) {
        let started = Instant::now();
        while [self.tls, self.plain].iter().any(|p| TcpStream::connect(("127.0.0.1", *p)).is_err())
        {
            let ended = self.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "nginx has ended: {ended:?}");
            assert!(started.elapsed() < PATIENCE, "nginx does not listen");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Whom a node meets that looks there, or why nobody. `is_named` says whether it names the host.
    async fn learn(&self, source: &str, is_named: bool) -> Result<PeerId, Failure> {
        let mut tls = websocket::tls::Config::builder();
        let certificate = websocket::tls::Certificate::new(self.certificate.clone());
        tls.add_trust(&certificate).expect("a certificate");
        let mut websocket = websocket::Config::new(tcp::tokio::Transport::default());
        websocket.set_tls_config(tls.finish());
        let zone = Zone::new();
        zone.set_addresses("front.example.", [Ipv4Addr::LOCALHOST.into()]);
        let config = Config::new().with_filter(Filter::default().with_loopback(true));
        let key = Keypair::generate_ed25519();
        let source = source.parse().expect("a source");
        let local = key.public().to_peer_id();
        let discovery = Behaviour::with_sources(zone, config, local, [source]);
        let mut swarm = match is_named {
            true => swarm(key, HostHeader::new(websocket), discovery),
            false => swarm(key, websocket, discovery),
        };
        loop {
            let SwarmEvent::Behaviour(event) = swarm.select_next_some().await else { continue };
            if let Some((peer, _)) = event.found() {
                return Ok(*peer);
            }
            if let Event::Unreachable { reason, .. } = event {
                return Err(reason);
            }
        }
    }
}

/// Each file is in the folder, and nothing needs another user.
fn config(folder: &Path, tls: u16, plain: u16, backend: u16) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String =
        temporary.iter().map(|of| format!("    {of}_temp_path {folder}/{of};\n")).collect();
    format!(
        "daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
{temporary}    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {{
        listen 127.0.0.1:{plain} default_server;
        listen 127.0.0.1:{tls} ssl default_server;
        return 404;
    }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        server_name front.example;
        location / {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
    }}
}}
"
    )
}

/// A node behind the proxy: its id, and the port at which it listens.
async fn node() -> (PeerId, u16) {
    let key = Keypair::generate_ed25519();
    let peer = key.public().to_peer_id();
    let websocket = websocket::Config::new(tcp::tokio::Transport::default());
    let mut swarm = swarm(key, websocket, dummy::Behaviour);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse().expect("valid")).expect("a free port");
    let port = loop {
        let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await else {
            continue;
        };
        let port = address.iter().find_map(|part| match part {
            libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
            _ => None,
        });
        break port.expect("a port");
    };
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    (peer, port)
}

fn swarm<T, B>(key: Keypair, websocket: T, behaviour: B) -> Swarm<B>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
    B: NetworkBehaviour,
{
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_other_transport(|key| {
            Ok(websocket
                .upgrade(Version::V1Lazy)
                .authenticate(noise::Config::new(key)?)
                .multiplex(yamux::Config::default()))
        })
        .expect("a transport")
        .with_behaviour(|_| behaviour)
        .expect("a behaviour")
        .build()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}
