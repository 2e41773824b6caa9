//! What is answered where.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::map_response_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::sync::Semaphore;

use super::{
    desk::Viewer,
    page::{self, Pages},
    peers::Peers,
    reasons,
    server::Lease,
    stream,
};

/// Streams of events at once. As many connections as that are left for everybody else.
const STREAMS: usize = 16;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The headers of all answers. What is shown is of the moment, and nobody else's page may hold it.
const HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) viewer: Viewer,
    pub(crate) pages: Arc<Pages>,
    streams: Arc<Semaphore>,
    numbers: Arc<Registry>,
}

pub(crate) fn router(viewer: Viewer, numbers: Arc<Registry>) -> Router {
    let pages = Arc::new(Pages::new(viewer.clock));
    let streams = Arc::new(Semaphore::new(STREAMS));
    let shared = Shared { viewer, pages, streams, numbers };
    let policy = HeaderValue::try_from(page::policy()).expect("a policy is plain ASCII");
    Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route("/livez", get(livez))
        .route("/metrics", get(metrics))
        .route("/peers", get(peers))
        .route("/readyz", get(readyz))
        .fallback(async || (StatusCode::NOT_FOUND, "there is no such page\n"))
        .layer(map_response_with_state(policy, add_headers))
        .with_state(shared)
}

async fn add_headers(State(policy): State<HeaderValue>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// Writes something long where it keeps no connection of the swarm waiting; `None` if that fails.
pub(crate) async fn aside<T: Send + 'static>(
    write: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(write).await.ok()
}

async fn page(State(Shared { viewer, pages, .. }): State<Shared>) -> Response {
    let laid = viewer.look().await;
    match aside(move || pages.page(&laid)).await {
        Some(body) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn events(
    State(shared): State<Shared>,
    Extension(lease): Extension<Lease>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = Arc::clone(&shared.streams).try_acquire_owned() else {
        let headers = [(RETRY_AFTER, "5")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, "too many streams\n").into_response();
    };
    lease.extend();
    // What a browser sends when it connects again is later than what stands in its page.
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let seen = last.or_else(|| uri.query().and_then(|query| query.strip_prefix("since=")));
    stream::stream(shared, permit, seen.unwrap_or_default().to_owned()).into_response()
}

/// Whether the swarm's task turns.
async fn livez(State(Shared { viewer, .. }): State<Shared>) -> (StatusCode, &'static str) {
    match viewer.is_alive().await {
        true => (StatusCode::OK, "alive\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the swarm's task does not turn\n"),
    }
}

/// What Prometheus takes.
async fn metrics(State(Shared { numbers, .. }): State<Shared>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &numbers) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn peers(State(Shared { viewer, .. }): State<Shared>) -> Response {
    let laid = viewer.look().await;
    let write = move || serde_json::to_vec(&Peers::new(&laid.snapshot, viewer.clock));
    match aside(write).await {
        Some(Ok(body)) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether others should be sent here. While it is, nobody is asked for the reasons.
async fn readyz(State(Shared { viewer, .. }): State<Shared>) -> (StatusCode, String) {
    let mut standing = viewer.standing();
    if let Some(ready) = standing.filter(|standing| standing.is_ready()) {
        return (StatusCode::OK, format!("{}\n", ready.status));
    }
    let snapshot = viewer.look().await.snapshot;
    // It may have become ready meanwhile; but what was just said to leave does not return.
    standing = viewer.standing();
    let code = match standing.is_some_and(|standing| standing.is_ready()) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let word = match standing {
        Some(standing) if standing.leaving => "leaving".to_owned(),
        Some(standing) => standing.status.to_string(),
        None => "starting".to_owned(),
    };
    let reasons = reasons::lines(&snapshot, standing, viewer.clock);
    let lines: Vec<_> = std::iter::once(word).chain(reasons).collect();
    (code, lines.join("\n") + "\n")
}
