//! The resolver over name servers: its configuration, and one look-up.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use hickory_proto::{op::Query as Question, rr::Name};
use tokio::runtime::Handle;
use web_time::Instant;

#[cfg(feature = "dnssec")]
use super::validation::Validation;
use super::{
    asking::Asking, config::Config, error::ConfigError, followed::Followed, hosts::Found,
    origin::Origin, overrides::Overrides, queue::Queue, servers::Servers, upstream::Upstream,
    walk::Walks,
};
use crate::{
    resolver::{
        answer::Answer,
        error::LookupError,
        lookup::{LookupFuture, Resolver},
        query::Query,
    },
    shell::now,
};

/// Reading two small files, so that a change is seen by the next refresh.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The systems' own interfaces cost more than reading a file.
#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// Asks name servers: the servers of the system's configuration, or servers that you give.
///
/// The resolver needs a Tokio runtime with I/O and time enabled. A look-up that is polled outside
/// of a runtime fails. Clones share what they know of the servers.
///
/// # What it does
///
/// - **UDP, then TCP.** If a reply does not fit into 1,232 bytes, the question is asked again over
///   TCP. A reply that does not fit into TCP either (65,535 bytes: some 4,000 addresses) is returned
///   as [incomplete](Answer::complete). If TCP fails, the records that came over UDP are returned
///   as incomplete. With the option `use-vc` of `resolv.conf`, nothing is asked over UDP.
/// - **One server after another**, in the order of the configuration. If a server is silent,
///   unreachable, refuses or fails, the next server is asked, for as many attempts as configured.
///   One look-up does not ask a server again that has refused or failed. If no server gives an
///   answer, the most informative failure is returned.
/// - **"There is nothing" is final**, unless an earlier server of the configuration is silent,
///   because that server may know better. The later server is believed once the silent one has
///   missed three attempts, over at least 10 s. Until then, the look-up fails as if no server had
///   answered.
/// - **A server that answered in place of an earlier one is asked first** for a minute. So a dead
///   server costs its time-out once a minute, and not at every look-up. A silent server is asked last
///   for 20 s.
/// - **Imperfect servers.** A server that does not know EDNS is asked without it (for an hour,
///   unless signatures are wanted). A malformed record costs that record and no other.
/// - **A bounded time.** A look-up takes at most 20 s, search list included
///   ([`with_budget`](Self::with_budget)), and one name takes at most servers × attempts ×
///   time-out. The servers and names that are still to be asked share the time that is left evenly:
///   with `timeout:15`, all of three servers are asked.
/// - **A bounded number of queries**: 16 at the same time
///   ([`with_queries_at_once`](Self::with_queries_at_once)). Other queries wait in the order in
///   which they came. If many wait, each has its share of the time.
/// - **The search list** completes a name that is not absolute. The resolver tries one domain after
///   the other, up to the first domain where the name exists. That domain counts for all types that
///   are looked up at the same time. The resolver passes over domains that deny the name, and over
///   domains that fail. An answer from behind a failed domain is provisional
///   ([`Answer::provisional`], [`Nothing::provisional`](crate::Nothing::provisional)). It is not
///   provisional if a domain before the failed one has denied the name, and the failure has lasted
///   so long that it counts as nothing (three times in a row over 10 s by a response code, or two
///   minutes of silence). If the name exists in no domain, the result is "nothing" if at least one
///   domain says so, and otherwise a failure. Absolute names (`peers.example.com.`, with the
///   trailing dot) are safer and need fewer queries.
/// - **Changes of the system's configuration are followed** while the resolver is in use. A line
///   that cannot be read is left out, and logged at `warn`. If the whole configuration becomes
///   unusable, the last good one stays. At the start, if there is no `nameserver` or no file, the
///   server of this machine is used, 127.0.0.1.
/// - **The hosts file** comes before any server if the system's configuration is used, for A and
///   AAAA. A name that the hosts file has for one family is not asked for in the other. If the file
///   has only addresses of this machine for a name (`localhost` apart), the servers are asked
///   nevertheless, and this is logged once at `warn`. If the servers say "nothing", the addresses
///   of the file are the answer, [provisionally](Answer::provisional).
/// - **DNSSEC** is validated if the feature `dnssec` is enabled and `with_dnssec` was called.
///
/// The resolver keeps no cache: the discovery schedules its refreshes by the TTLs that it is given.
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
///
/// use libp2p_dns_discovery::{
///     Query, Resolver,
///     hickory_proto::rr::{Name, RecordType},
///     resolver::hickory::HickoryResolver,
/// };
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let resolver = HickoryResolver::system()?.with_timeout(Duration::from_secs(2));
/// let name = Name::from_ascii("peers.default.svc.cluster.local.")?;
/// for record in resolver.lookup(Query::new(name, RecordType::A)).await?.records {
///     println!("{record}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HickoryResolver {
    source: Arc<Source>,
    overrides: Overrides,
    upstream: Arc<Upstream>,
    walks: Arc<Walks>,
    queue: Arc<Queue>,
    #[cfg(feature = "dnssec")]
    pub(super) validation: Validation,
}

#[derive(Debug)]
enum Source {
    Given(Config),
    System(Followed),
}

/// A look-up was polled outside of a Tokio runtime.
#[derive(Debug, thiserror::Error)]
#[error("the resolver needs a Tokio runtime")]
struct NoRuntime;

impl HickoryResolver {
    /// Makes a resolver that asks the servers of the system's configuration, and follows changes of
    /// it.
    ///
    /// On Linux and most Unix systems, the configuration is `/etc/resolv.conf` (`nameserver`,
    /// `search`, `domain`, and the options `ndots`, `timeout`, `attempts` and `use-vc`) and
    /// `/etc/hosts`. Two options are ignored: `rotate`, because nodes with the same configuration
    /// should ask the same server first; and `no-aaaa`, because a source says itself which family
    /// it looks up (`/dns4/…`). The files are checked for changes before a look-up, at most once a
    /// second. On other systems, the system's own interface is asked, at most every 30 seconds.
    pub fn system() -> Result<Self, ConfigError> {
        Self::following(Origin::system())
    }

    /// Makes a resolver that asks the servers of a file in the format of `resolv.conf`, and follows
    /// changes of it. No hosts file is read.
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    pub fn from_resolv_conf(path: impl Into<std::path::PathBuf>) -> Result<Self, ConfigError> {
        Self::following(Origin { resolv_conf: path.into(), hosts: None })
    }

    /// Makes a resolver that asks these servers, in this order, with the defaults of `resolv.conf`:
    /// 5 s for each of two attempts, and no search list.
    pub fn with_servers(
        servers: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Self, ConfigError> {
        let servers = Vec::from_iter(servers);
        if servers.is_empty() {
            return Err(ConfigError::NoServers);
        }
        Ok(Self::new(Source::Given(Config::of_servers(servers))))
    }

    /// Sets how long one server has to answer in one attempt, TCP included. Default: the system's
    /// setting, or 5 s. At least 1 ms.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.overrides.timeout = Some(timeout.max(Duration::from_millis(1)));
        self
    }

    /// Sets how many times each silent server is asked. Default: the system's setting, or 2.
    #[must_use]
    pub fn with_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.overrides.attempts = Some(attempts);
        self
    }

    /// Sets how long one look-up may take, however many servers, attempts and names of the search
    /// list there are. Default: 20 s, as for [`Config::with_lookup_timeout`]. If you set one of the two,
    /// set the other, too. At least 1 ms.
    ///
    /// [`Config::with_lookup_timeout`]: crate::Config::with_lookup_timeout
    #[must_use]
    pub fn with_budget(mut self, budget: Duration) -> Self {
        self.overrides.budget = Some(budget.max(Duration::from_millis(1)));
        self
    }

    /// Sets how many queries this resolver and its clones have under way at the same time. Each query
    /// has its own socket. Default: 16.
    #[must_use]
    pub fn with_queries_at_once(mut self, at_once: NonZeroUsize) -> Self {
        self.queue = Arc::new(Queue::new(at_once));
        self
    }

    /// Sets the port of all servers. Default: as given, or 53, because `resolv.conf` has no ports.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.overrides.port = Some(port);
        self
    }

    /// Sets the domains that complete a name that is not absolute. Default: the system's setting,
    /// or none.
    #[must_use]
    pub fn with_search(mut self, domains: impl IntoIterator<Item = Name>) -> Self {
        self.overrides.search = Some(domains.into_iter().collect());
        self
    }

    /// Sets the number of dots from which on a name is first tried as it is. Default: the system's
    /// setting, or 1.
    #[must_use]
    pub fn with_ndots(mut self, ndots: usize) -> Self {
        self.overrides.ndots = Some(ndots);
        self
    }

    /// Sets how often, at most, the system's configuration is checked for changes. Default: see
    /// [`system`](Self::system).
    #[must_use]
    pub fn with_check_interval(mut self, interval: Duration) -> Self {
        self.overrides.check_interval = Some(interval);
        self
    }

    /// The servers that the next look-up asks, in the order of the configuration.
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.config(now()).servers
    }

    fn following(origin: Origin) -> Result<Self, ConfigError> {
        Followed::new(origin)
            .map(|followed| Self::new(Source::System(followed)))
            .map_err(ConfigError::Unusable)
    }

    fn new(source: Source) -> Self {
        let overrides = Overrides::default();
        Self {
            source: Arc::new(source),
            overrides,
            upstream: Arc::default(),
            walks: Arc::default(),
            queue: Arc::default(),
            #[cfg(feature = "dnssec")]
            validation: Validation::default(),
        }
    }

    fn config(&self, now: Instant) -> Config {
        let config = match &*self.source {
            Source::Given(config) => config.clone(),
            Source::System(followed) => {
                followed.current(self.overrides.check_interval.unwrap_or(CHECK_INTERVAL), now)
            }
        };
        self.overrides.apply(config)
    }

    async fn search(&self, query: Query) -> Result<Answer, LookupError> {
        // Without a runtime, the sockets would panic.
        Handle::try_current().map_err(|_| LookupError::failed(NoRuntime))?;
        let now = now();
        let config = self.config(now);
        match config.find_in_hosts(&query) {
            Some(Found::Outcome(outcome)) => outcome,
            Some(Found::OnlyUs(hosts)) => match self.ask(query, config, now).await {
                Err(LookupError::Nothing(_)) => hosts,
                outcome => outcome,
            },
            None => self.ask(query, config, now).await,
        }
    }

    async fn ask(&self, query: Query, config: Config, now: Instant) -> Result<Answer, LookupError> {
        let names = config.candidates(&query.name);
        let (upstream, queue) = (Arc::clone(&self.upstream), Arc::clone(&self.queue));
        let mut asking = self.asking(Servers::new(config, upstream, queue, now));
        if let [name] = &names[..] {
            return asking.answer(Question::query(name.clone(), query.record_type), 1).await;
        }
        self.walks.answer(&query.name, names, query.record_type, asking).await
    }

    fn asking(&self, servers: Servers) -> Asking {
        let asking = Asking::new(servers);
        #[cfg(feature = "dnssec")]
        let asking = asking.validating(&self.validation);
        asking
    }
}

impl Resolver for HickoryResolver {
    fn lookup(&self, query: Query) -> LookupFuture {
        let resolver = self.clone();
        async move { resolver.search(query).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;

    fn server() -> SocketAddr {
        ([127, 0, 0, 1], 53).into()
    }

    #[test]
    fn a_resolver_without_servers_cannot_be_made() {
        assert!(matches!(HickoryResolver::with_servers([]), Err(ConfigError::NoServers)));
    }

    #[test]
    fn outside_of_a_runtime_a_look_up_fails_and_does_not_panic() {
        let resolver = HickoryResolver::with_servers([server()]).unwrap();
        let query = Query::new(Name::root(), RecordType::A);
        let outcome = resolver.lookup(query).now_or_never().expect("there is nothing to wait for");
        let Err(LookupError::Failed(error)) = outcome else { panic!("{outcome:?}") };
        assert!(error.is::<NoRuntime>());
    }

    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    #[tokio::test]
    async fn the_hosts_file_comes_before_any_server() {
        let dir = tempfile::TempDir::new().unwrap();
        let (resolv_conf, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
        std::fs::write(&resolv_conf, "nameserver 127.0.0.1\nsearch a.test\n").unwrap();
        std::fs::write(&hosts, "10.0.0.7 here\n").unwrap();
        let origin = Origin { resolv_conf, hosts: Some(hosts) };
        // Nothing can be sent to port 0.
        let resolver = HickoryResolver::following(origin).unwrap().with_port(0);
        // It is nobody's to prove.
        #[cfg(feature = "dnssec")]
        let resolver = resolver.with_dnssec(hickory_proto::dnssec::TrustAnchors::default());
        let ask = |record_type| {
            resolver.lookup(Query::new(Name::from_ascii("here").unwrap(), record_type))
        };
        let answer = ask(RecordType::A).await.unwrap();
        assert_eq!((answer.records.len(), answer.proof), (1, None));
        assert!(matches!(ask(RecordType::AAAA).await, Err(LookupError::Nothing(_))));
        assert!(matches!(ask(RecordType::SRV).await, Err(LookupError::Failed(_))));
    }

    /// Knows one address of `peers.`, and no other name.
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    async fn serve(socket: tokio::net::UdpSocket) {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let query = hickory_proto::op::Message::from_vec(&buffer[..length]).unwrap();
            let mut reply = query.into_response();
            let question = reply.queries[0].clone();
            reply.metadata.authoritative = true;
            if question.name != Name::from_ascii("peers.").unwrap() {
                reply.metadata.response_code = hickory_proto::op::ResponseCode::NXDomain;
            } else if question.query_type == RecordType::A {
                let ip: std::net::IpAddr = [10, 0, 0, 2].into();
                reply.add_answer(hickory_proto::rr::Record::from_rdata(
                    question.name,
                    5,
                    ip.into(),
                ));
            }
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
        }
    }

    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    #[tokio::test]
    async fn what_the_hosts_file_says_of_us_alone_is_not_all_there_is() {
        let socket = tokio::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let server = tokio::spawn(serve(socket));
        let dir = tempfile::TempDir::new().unwrap();
        let (resolv_conf, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
        std::fs::write(&resolv_conf, "nameserver 127.0.0.1\n").unwrap();
        // As Compose writes it, for a `hostname:` that equals the service's name.
        std::fs::write(&hosts, "127.0.1.1 peers alone\n").unwrap();
        let origin = Origin { resolv_conf, hosts: Some(hosts) };
        let resolver = HickoryResolver::following(origin).unwrap().with_port(port);
        let ask = async |name, record_type| {
            let query = Query::new(Name::from_ascii(name).unwrap(), record_type);
            let answer = resolver.lookup(query).await?;
            let ip = answer.records.iter().find_map(|record| record.data.ip_addr());
            Ok::<_, LookupError>((ip.unwrap().to_string(), answer.provisional))
        };
        assert_eq!(ask("peers", RecordType::A).await.unwrap(), ("10.0.0.2".into(), false));
        assert_eq!(ask("alone", RecordType::A).await.unwrap(), ("127.0.1.1".into(), true));
        let outcome = ask("alone", RecordType::AAAA).await;
        assert!(matches!(outcome, Err(LookupError::Nothing(nothing)) if nothing.provisional));
        server.abort();
    }

    #[test]
    fn what_the_program_sets_counts_more() {
        let search = vec![Name::from_ascii("a.test.").unwrap()];
        let resolver = HickoryResolver::with_servers([server()])
            .unwrap()
            .with_timeout(Duration::from_millis(50))
            .with_attempts(NonZeroU32::new(7).unwrap())
            .with_budget(Duration::from_secs(9))
            .with_port(5353)
            .with_search(search.clone())
            .with_ndots(3);
        let config = resolver.config(now());
        assert_eq!(config.servers, [SocketAddr::from(([127, 0, 0, 1], 5353))]);
        assert_eq!(config.search, search);
        assert_eq!(config.ndots, 3);
        assert_eq!((config.timeout, config.attempts.get()), (Duration::from_millis(50), 7));
        assert_eq!(config.budget, Duration::from_secs(9));
    }
}
