//! A ticket on paper. Pure: the same ticket gives the same bytes.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sunakku_common::event::TicketDetails;
use sunakku_common::order::{OrderLine, Service};
use sunakku_common::text::Languages;

use super::code_page::CodePage;
use super::paper::{Paper, Style};
use super::words::Words;

/// How a printer's tickets look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) page: CodePage,
    /// Characters of one line.
    pub(super) columns: usize,
    /// Language of names and words, by its tag.
    pub(super) language: String,
    /// Where the site's clocks are.
    pub(super) time_zone: Tz,
}

const PLAIN: Style = Style {
    bold: false,
    reverse: false,
    tall: false,
    wide: false,
};
const BOLD: Style = Style {
    bold: true,
    ..PLAIN
};
const LARGE: Style = Style {
    tall: true,
    wide: true,
    ..BOLD
};
const TALL: Style = Style { tall: true, ..BOLD };
/// For what must not be overlooked.
const ALARM: Style = Style {
    reverse: true,
    ..TALL
};

/// A ticket as a printer wants it; `copy` says that it may be on paper already.
pub(super) fn render(look: &Look, ticket: &TicketDetails, copy: bool) -> Vec<u8> {
    let words = Words::of(&look.language);
    let languages = Languages::parse(&look.language);
    let mut paper = Paper::new(look.page, look.columns);
    if copy {
        let copy = format!("*** {} ***", words.copy);
        paper.line(
            Style {
                wide: true,
                ..ALARM
            },
            &copy,
        );
    }
    paper.line(LARGE, &format!("{} {}", ticket.number, ticket.station));
    if let Some(service) = ticket.service {
        let service = match service {
            Service::Here => words.here,
            Service::Away => words.away,
        };
        paper.line(TALL, service);
    }
    if !ticket.avoid.is_empty() {
        let avoid = format!("{}: {}", words.avoid, ticket.avoid.join(", "));
        paper.marked(ALARM, " ", &avoid);
    }
    paper.rule();
    for line in &ticket.lines {
        write_line(&mut paper, line, &languages);
    }
    paper.rule();
    if !ticket.others.is_empty() {
        paper.line(
            PLAIN,
            &format!("{}: {}", words.others, ticket.others.join(", ")),
        );
    }
    let placed = look.local(ticket.placed_at);
    let time = format!("{} {}", words.placed, placed.format("%H:%M"));
    paper.line(BOLD, &time);
    if let Some(pickup_at) = ticket.pickup_at {
        let pickup = look.local(pickup_at);
        let same_day = pickup.date_naive() == placed.date_naive();
        let format = if same_day { "%H:%M" } else { "%m-%d %H:%M" };
        paper.line(BOLD, &format!("{} {}", words.pickup, pickup.format(format)));
    }
    paper.cut()
}

fn write_line(paper: &mut Paper, line: &OrderLine, languages: &Languages) {
    let quantity = format!("{} x ", line.quantity);
    paper.marked(TALL, &quantity, line.name.pick(languages));
    for modifier in &line.modifiers {
        paper.marked(PLAIN, "    + ", modifier.name.pick(languages));
    }
    if let Some(note) = &line.note {
        paper.marked(BOLD, "    ! ", note);
    }
}

impl Look {
    fn local(&self, at: DateTime<Utc>) -> DateTime<Tz> {
        at.with_timezone(&self.time_zone)
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
