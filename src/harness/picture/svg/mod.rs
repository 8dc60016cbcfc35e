//! A picture as a graphic: clusters are boxes that list their servers, gateways and leaf nodes are lines
//! between them.

mod joints;
mod layout;

use svg::Document;
use svg::node::Node;
use svg::node::element::{Circle, Element, Group, Path, Rectangle, Style, Title};

use self::joints::{Joint, Joints};
use self::layout::{Curve, lay_out};
use super::blocks::{Block, Singles, count};
use super::text::Widths;
use super::{Picture, ServerState};

/// All lengths are in pixels.
const LINE: f64 = 20.0;
/// The width of a character. The font has one for all.
const CHARACTER: f64 = 7.8;
/// And in a label.
const LABEL_CHARACTER: f64 = 6.6;
const PADDING: f64 = 12.0;
/// What the mark of a server takes.
const MARK: f64 = 16.0;
/// What the arcs for routes in trouble take.
const ARCS: f64 = 44.0;

/// Lines for routes in trouble beside a box; all are listed in it, or counted.
const MOST_ARCS: usize = 24;

const LOOKS: &str = "
text { font: 13px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #24292f; white-space: pre; }
.title { font-weight: bold; }
.note { fill: #57606a; }
.label { fill: #57606a; font-size: 11px; text-anchor: middle; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.wrong { fill: #cf222e; }
.paper { fill: #ffffff; }
.box { fill: #f6f8fa; stroke: #8c959f; }
.running { fill: #2da44e; }
.lame-duck { fill: #bf8700; }
.frozen { fill: #54aeff; }
.stopped { fill: #ffffff; stroke: #8c959f; }
path { fill: none; stroke-width: 2px; }
.gateway { stroke: #0969da; }
.leaf { stroke: #1a7f37; }
.trouble { stroke: #cf222e; stroke-dasharray: 6 4; }
.arc { stroke: #cf222e; }
";

impl Picture {
    /// The picture as an SVG document, for a browser or a page of documentation. It shows what the text
    /// shows, and equal pictures give equal documents.
    ///
    /// This needs the feature `svg`.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// let svg = nats.topology().svg();
    /// assert!(svg.starts_with("<svg "));
    /// assert!(svg.contains("east-3"));
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn svg(&self) -> String {
        let blocks = self.blocks(Singles::Apart);
        let joints = self.joints(&blocks);
        let mut inside = vec![0; blocks.blocks.len()];
        for (_, from, to) in self.other_links() {
            let (one, other) = (blocks.block_of[from], blocks.block_of[to]);
            inside[one] += usize::from(one == other);
        }
        let cards = std::iter::zip(&blocks.blocks, inside);
        let mut cards: Vec<Card> = cards.map(|(it, inside)| self.card(it, inside)).collect();
        if joints.has_hub {
            cards.push(Card::new(vec![Line::new("gateways", "title")]));
        }
        self.draw(&cards, &joints).to_string()
    }

    fn draw(&self, cards: &[Card], joints: &Joints) -> Document {
        let sizes: Vec<_> = cards.iter().map(|card| (card.width, card.height)).collect();
        let ends: Vec<_> = joints.lines.iter().map(|joint| joint.ends).collect();
        let labels = joints.lines.iter().map(|it| it.label.chars().count());
        let widest = LABEL_CHARACTER * labels.max().unwrap_or_default() as f64;
        let layout = lay_out(&sizes, &ends, widest + 3.0 * PADDING);
        let mut captions = vec![Line::new(self.summary(), "title")];
        if joints.left_out > 0 {
            let left_out = count(joints.left_out, "more line");
            captions.push(Line::new(
                format!("{left_out} between clusters not drawn"),
                "note",
            ));
        }
        let top = LINE * captions.len() as f64;
        let captions = Card::new(captions);
        let mut lines = Group::new();
        let mut labels = Group::new();
        for (joint, curve) in std::iter::zip(&joints.lines, &layout.curves) {
            lines = lines.add(joint.line(curve));
            labels = labels.add(joint.text(curve));
        }
        let mut boxes = Group::new();
        let (mut width, mut height) = (captions.width, 0.0_f64);
        for (card, &(x, y)) in std::iter::zip(cards, &layout.corners) {
            boxes = boxes.add(card.draw(x, y));
            width = width.max(x + card.width + PADDING);
            height = height.max(y + card.height + PADDING);
        }
        height += top;
        let drawing = Group::new().set("transform", format!("translate(0 {top:.1})"));
        Document::new()
            .set("xml:space", "preserve")
            .set("width", format!("{width:.0}"))
            .set("height", format!("{height:.0}"))
            .set("viewBox", format!("0 0 {width:.0} {height:.0}"))
            .add(Style::new(LOOKS))
            .add(
                Rectangle::new()
                    .set("class", "paper")
                    .set("width", "100%")
                    .set("height", "100%"),
            )
            .add(captions.draw_texts(0.0, 0.0))
            .add(drawing.add(lines).add(boxes).add(labels))
    }

    /// A block, with the number of links other than routes in it.
    fn card(&self, block: &Block, inside: usize) -> Card {
        let mut lines = Vec::new();
        if !block.title.is_empty() {
            lines.push(Line::new(block.title.as_str(), "title"));
        }
        let widths = Widths::of(&block.rows);
        let mut line_of = std::collections::BTreeMap::new();
        for row in &block.rows {
            if let Some(place) = row.server {
                line_of.insert(place, lines.len());
            }
            lines.push(Line {
                mark: Some(row.state),
                ..Line::new(widths.text(row), "server")
            });
        }
        for line in self.route_lines(block) {
            let class = if line.is_trouble { "wrong" } else { "note" };
            lines.push(Line::new(line.text, class));
        }
        if inside > 0 {
            lines.push(Line::new(
                format!("{} in here", count(inside, "link")),
                "note",
            ));
        }
        let mut card = Card::new(lines);
        let pairs = block.troubled.iter();
        let arcs = pairs.filter_map(|(from, to)| Some((*line_of.get(from)?, *line_of.get(to)?)));
        card.arcs = arcs.take(MOST_ARCS).collect();
        if !card.arcs.is_empty() {
            card.width += ARCS;
        }
        card
    }
}

/// A box with lines of text.
#[derive(Debug)]
struct Card {
    width: f64,
    height: f64,
    lines: Vec<Line>,
    /// Lines that are joined at their ends.
    arcs: Vec<(usize, usize)>,
}

/// A line of text.
#[derive(Debug)]
struct Line {
    text: String,
    class: &'static str,
    mark: Option<ServerState>,
}

impl Line {
    fn new(text: impl Into<String>, class: &'static str) -> Self {
        Self {
            text: text.into(),
            class,
            mark: None,
        }
    }

    fn width(&self) -> f64 {
        let mark = if self.mark.is_some() { MARK } else { 0.0 };
        mark + CHARACTER * self.text.chars().count() as f64
    }
}

impl Card {
    fn new(lines: Vec<Line>) -> Self {
        let widest = lines.iter().map(Line::width).fold(0.0, f64::max);
        Self {
            width: widest + 2.0 * PADDING,
            height: LINE * lines.len() as f64 + PADDING,
            lines,
            arcs: Vec::new(),
        }
    }

    /// The middle of a line.
    fn height_of(line: usize) -> f64 {
        PADDING / 2.0 + LINE * (line as f64 + 0.5)
    }

    fn draw(&self, x: f64, y: f64) -> Group {
        let frame = Rectangle::new()
            .set("class", "box")
            .set("x", format!("{x:.1}"))
            .set("y", format!("{y:.1}"))
            .set("width", format!("{:.1}", self.width))
            .set("height", format!("{:.1}", self.height))
            .set("rx", 6);
        let mut group = Group::new().add(frame).add(self.draw_texts(x, y));
        let right = x + self.width - ARCS;
        for &(from, to) in &self.arcs {
            let (top, bottom) = (y + Self::height_of(from), y + Self::height_of(to));
            // The farther apart the ends, the farther out.
            let reach = ARCS * (1.0 - 1.0 / (1.5 + from.abs_diff(to) as f64 / 4.0));
            let out = right + reach * 4.0 / 3.0;
            let data = format!(
                "M{right:.1} {top:.1} C{out:.1} {top:.1} {out:.1} {bottom:.1} {right:.1} {bottom:.1}"
            );
            group = group.add(Path::new().set("class", "arc").set("d", data));
        }
        group
    }

    fn draw_texts(&self, x: f64, y: f64) -> Group {
        let mut group = Group::new();
        let left = x + PADDING;
        for (number, line) in self.lines.iter().enumerate() {
            let middle = y + Self::height_of(number);
            let mut start = left;
            if let Some(state) = line.mark {
                let mark = Circle::new()
                    .set("class", state.class())
                    .set("cx", format!("{:.1}", left + 4.0))
                    .set("cy", format!("{middle:.1}"))
                    .set("r", 4);
                group = group.add(mark);
                start += MARK;
            }
            group = group.add(text(&line.text, line.class, start, middle + 4.5));
        }
        group
    }
}

impl Joint {
    fn line(&self, curve: &Curve) -> Path {
        let path = Path::new()
            .set("class", self.class)
            .set("d", curve.data.as_str());
        if self.troubles.is_empty() {
            return path;
        }
        path.add(Title::new(self.troubles.join("\n")))
    }

    fn text(&self, curve: &Curve) -> Element {
        let class = if self.troubles.is_empty() {
            "label"
        } else {
            "label wrong"
        };
        let (x, y) = curve.middle;
        text(&self.label, class, x, y - 5.0)
    }
}

/// A text as it is: the element that `svg` has for it puts line breaks around it.
fn text(text: &str, class: &str, x: f64, y: f64) -> Element {
    let mut element = Element::new("text");
    element.assign("class", class);
    element.assign("x", format!("{x:.1}"));
    element.assign("y", format!("{y:.1}"));
    element.append(svg::node::Text::new(text));
    element
}

impl ServerState {
    fn class(self) -> &'static str {
        match self {
            ServerState::Running => "running",
            ServerState::LameDuck => "lame-duck",
            ServerState::Frozen => "frozen",
            ServerState::Stopped => "stopped",
        }
    }
}
