//! A drawing of who has selected whom: all places in a circle, in order.

use std::{
    f64::consts::TAU,
    fmt::{self, Write},
};

use libp2p::multiaddr::Protocol;
use libp2p_dns_discovery::Selection;

use crate::{
    graph::{Dot, Graph, Kind},
    place::Place,
    wanted,
};

/// How much of the circle a label takes at least: the height of a line.
const LINE: f64 = 18.0;
/// The least radius of the circle.
const LEAST_RADIUS: f64 = 270.0;
/// Room for the labels around the circle.
const MARGIN: f64 = 130.0;
/// Room for the legend above it.
const HEAD: f64 = 118.0;
/// The colours from the smallest in-degree to the largest. All of them are dark enough on white.
const SCALE: [(u8, u8, u8); 5] =
    [(148, 163, 184), (59, 130, 196), (22, 150, 110), (217, 119, 6), (190, 24, 48)];
const INK: &str = "#1f2937";
const FAINT: &str = "#6b7280";

/// Draws a graph as an SVG document.
///
/// Each place is a `<g>` of the class `node` and of `living`, `silent` or `dead`; each edge is a
/// `<path>` of the class `edge`.
pub(crate) fn draw(graph: &Graph, selection: Selection) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = Sheet::new(graph).write(&mut text, selection);
    text
}

/// Where everything goes.
struct Sheet<'a> {
    graph: &'a Graph,
    radius: f64,
    center: (f64, f64),
    /// The smallest in-degree of all that live, and the largest.
    least: usize,
    most: usize,
}

impl<'a> Sheet<'a> {
    fn new(graph: &'a Graph) -> Self {
        let around = graph.dots.len() as f64 * LINE;
        let radius = LEAST_RADIUS.max(around / TAU);
        let center = (radius + MARGIN, HEAD + radius + MARGIN);
        let living = graph.dots.iter().filter(|dot| matches!(dot.kind, Kind::Living(_)));
        let least = living.map(|dot| dot.in_degree).min().unwrap_or(0);
        Self { graph, radius, center, least, most: graph.largest_in_degree() }
    }

    fn write(&self, out: &mut String, selection: Selection) -> fmt::Result {
        let (width, height) = (2.0 * (self.radius + MARGIN), HEAD + 2.0 * (self.radius + MARGIN));
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"11\">"
        )?;
        writeln!(out, "<title>Who has selected whom in a cluster</title>")?;
        writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")?;
        self.write_edges(out)?;
        for (number, dot) in self.graph.dots.iter().enumerate() {
            self.write_dot(out, number, dot)?;
        }
        self.write_legend(out, selection)?;
        writeln!(out, "</svg>")
    }

    /// Edges to those that few have selected come last, or they would be hidden by the others.
    fn write_edges(&self, out: &mut String) -> fmt::Result {
        let mut edges = self.graph.edges.clone();
        edges.sort_by_key(|(_, to)| std::cmp::Reverse(self.graph.dots[*to].in_degree));
        let opacity = (60.0 / (edges.len() as f64).max(1.0)).clamp(0.3, 0.7);
        writeln!(out, "<g fill=\"none\" stroke-width=\"1.2\" stroke-opacity=\"{opacity:.2}\">")?;
        for (from, to) in edges {
            let ((x1, y1), (x2, y2)) = (self.at(from, 0.0), self.at(to, 0.0));
            let (cx, cy) = self.control(from, to);
            let color = self.color(self.graph.dots[to].in_degree);
            writeln!(
                out,
                "<path class=\"edge\" d=\"M{x1:.1} {y1:.1}Q{cx:.1} {cy:.1} {x2:.1} {y2:.1}\" \
                 stroke=\"{color}\"/>"
            )?;
        }
        writeln!(out, "</g>")
    }

    fn write_dot(&self, out: &mut String, number: usize, dot: &Dot) -> fmt::Result {
        let (x, y) = self.at(number, 0.0);
        let class = match dot.kind {
            Kind::Living(_) => "living",
            Kind::Silent => "silent",
            Kind::Dead => "dead",
        };
        let told = escape(&told(dot));
        writeln!(out, "<g class=\"node {class}\"><title>{told}</title>")?;
        match dot.kind {
            Kind::Living(_) => {
                let color = self.color(dot.in_degree);
                let size = 3.5 + 4.0 * self.share(dot.in_degree);
                write!(
                    out,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size:.1}\" fill=\"{color}\" \
                     stroke=\"#ffffff\"/>"
                )?;
            }
            Kind::Silent => write_silent(out, x, y)?,
            Kind::Dead => write_dead(out, x, y)?,
        }
        self.write_label(out, number, dot)?;
        writeln!(out, "</g>")
    }

    /// Along the radius and never upside down, so that no label meets its neighbour.
    fn write_label(&self, out: &mut String, number: usize, dot: &Dot) -> fmt::Result {
        let (x, y) = self.at(number, 14.0);
        let degrees = self.angle(number).to_degrees();
        let (anchor, turn) = match self.is_left(number) {
            true => ("end", degrees + 180.0),
            false => ("start", degrees),
        };
        let color = if matches!(dot.kind, Kind::Living(_)) { INK } else { FAINT };
        let label = escape(&label(dot.place));
        write!(
            out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" transform=\"rotate({turn:.1} {x:.1} {y:.1})\" \
             text-anchor=\"{anchor}\" dy=\"0.35em\" fill=\"{color}\">{label}</text>"
        )
    }

    fn write_legend(&self, out: &mut String, selection: Selection) -> fmt::Result {
        let count =
            |kind: fn(Kind) -> bool| self.graph.dots.iter().filter(|dot| kind(dot.kind)).count();
        let living = count(|kind| matches!(kind, Kind::Living(_)));
        let (silent, dead) = (count(|kind| kind == Kind::Silent), count(|kind| kind == Kind::Dead));
        let (nodes, edges, most) = (self.graph.dots.len(), self.graph.edges.len(), self.most);
        let selection = escape(&wanted::selection_in_force(nodes, selection));
        writeln!(
            out,
            "<text x=\"24\" y=\"34\" font-size=\"18\" font-weight=\"bold\" fill=\"{INK}\">Who has \
             selected whom: {nodes} nodes, {edges} edges</text>"
        )?;
        writeln!(
            out,
            "<text x=\"24\" y=\"56\" font-size=\"13\" fill=\"{INK}\">Selection: {selection}. \
             Largest in-degree: {most}. Clockwise from the top: in order of address.</text>"
        )?;
        self.write_kinds(out, [living, silent, dead])?;
        self.write_scale(out)
    }

    fn write_kinds(&self, out: &mut String, [living, silent, dead]: [usize; 3]) -> fmt::Result {
        let y = 80.0;
        writeln!(out, "<circle cx=\"30\" cy=\"{y}\" r=\"5\" fill=\"{INK}\"/>")?;
        write_silent(out, 130.0, y)?;
        write_dead(out, 230.0, y)?;
        let kinds = [(42, living, "living"), (142, silent, "silent"), (242, dead, "dead")];
        for (x, number, kind) in kinds {
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" dy=\"0.35em\" font-size=\"13\" fill=\"{INK}\">{number} \
                 {kind}</text>"
            )?;
        }
        Ok(())
    }

    /// What the colours say.
    fn write_scale(&self, out: &mut String) -> fmt::Result {
        let (least, most) = (self.least, self.most);
        let steps = (most - least).min(24);
        for step in 0..=steps {
            let more = ((most - least) * step).checked_div(steps).unwrap_or(0);
            let (x, color) = (126 + 8 * step, self.color(least + more));
            writeln!(out, "<rect x=\"{x}\" y=\"97\" width=\"8\" height=\"10\" fill=\"{color}\"/>")?;
        }
        let end = 140 + 8 * steps;
        writeln!(
            out,
            "<text x=\"120\" y=\"106\" text-anchor=\"end\" font-size=\"13\" \
             fill=\"{INK}\">Selected by {least}</text>\n\
             <text x=\"{end}\" y=\"106\" font-size=\"13\" fill=\"{INK}\">{most} others (an edge has \
             the colour of the node that it leads to)</text>"
        )
    }

    /// From the top, clockwise.
    fn angle(&self, number: usize) -> f64 {
        let share = (number as f64 + 0.5) / self.graph.dots.len() as f64;
        share * TAU - TAU / 4.0
    }

    fn is_left(&self, number: usize) -> bool {
        number * 2 >= self.graph.dots.len()
    }

    fn at(&self, number: usize, beyond: f64) -> (f64, f64) {
        self.polar(self.angle(number), self.radius + beyond)
    }

    fn polar(&self, angle: f64, radius: f64) -> (f64, f64) {
        (self.center.0 + radius * angle.cos(), self.center.1 + radius * angle.sin())
    }

    /// What an edge bends towards: well within the circle, even between neighbours, and nearer to
    /// where it comes from, so that two edges in opposite directions do not coincide.
    fn control(&self, from: usize, to: usize) -> (f64, f64) {
        let (from, to) = (self.angle(from), self.angle(to));
        let mut turn = to - from;
        if turn.abs() > TAU / 2.0 {
            turn -= TAU.copysign(turn);
        }
        let depth = 0.9 - 0.8 * (turn.abs() / (TAU / 2.0)).sqrt();
        self.polar(from + turn * 0.27, self.radius * depth)
    }

    /// Where an in-degree is between the smallest and the largest. The root tells small ones apart
    /// where few have large ones.
    fn share(&self, in_degree: usize) -> f64 {
        match self.most - self.least {
            0 => 0.5,
            range => (in_degree.saturating_sub(self.least) as f64 / range as f64).sqrt(),
        }
    }

    fn color(&self, in_degree: usize) -> String {
        let place = self.share(in_degree) * (SCALE.len() - 1) as f64;
        let low = (place as usize).min(SCALE.len() - 2);
        let mix = |a: u8, b: u8| {
            let share = place - low as f64;
            (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8
        };
        let ((r1, g1, b1), (r2, g2, b2)) = (SCALE[low], SCALE[low + 1]);
        format!("#{:02x}{:02x}{:02x}", mix(r1, r2), mix(g1, g2), mix(b1, b2))
    }
}

/// A ring of dashes.
fn write_silent(out: &mut String, x: f64, y: f64) -> fmt::Result {
    write!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"#ffffff\" stroke=\"{FAINT}\" \
         stroke-width=\"1.5\" stroke-dasharray=\"2.5 2\"/>"
    )
}

/// A cross.
fn write_dead(out: &mut String, x: f64, y: f64) -> fmt::Result {
    let (left, right, top, bottom) = (x - 4.0, x + 4.0, y - 4.0, y + 4.0);
    write!(
        out,
        "<path d=\"M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} \
         {top:.1}\" stroke=\"{FAINT}\" stroke-width=\"2\"/>"
    )
}

/// What differs from place to place.
fn label(place: Place) -> String {
    match place.socket() {
        Some(socket) if socket.ip() == std::net::Ipv4Addr::LOCALHOST => socket.to_string(),
        Some(socket) => socket.ip().to_string(),
        None => place.multiaddr().to_string(),
    }
}

fn told(dot: &Dot) -> String {
    let address = dot.place.multiaddr();
    match dot.kind {
        Kind::Living(peer) => {
            let full = address.with(Protocol::P2p(peer));
            format!("{full}, selected by {}", dot.in_degree)
        }
        Kind::Silent => format!("{address}, silent"),
        Kind::Dead => format!("{address}, dead"),
    }
}

/// Text within XML.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, letter| {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            letter => escaped.push(letter),
        }
        escaped
    })
}
