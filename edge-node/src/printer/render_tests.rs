use serde_json::json;

use super::*;

fn look(page: CodePage, language: &str) -> Look {
    Look {
        page,
        columns: 24,
        language: language.to_owned(),
        time_zone: chrono_tz::Asia::Tokyo,
    }
}

fn ticket() -> TicketDetails {
    let ticket = json!({
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "order": "01890a5d-ac96-774b-bcce-b302099a8058",
        "number": 17, "station": "grill", "service": "away", "avoid": ["nuts", "milk"],
        "others": ["bar"], "placed_at": "2026-11-23T03:31:00Z",
        "pickup_at": "2026-11-23T04:00:00Z",
        "lines": [{
            "line": 1, "item": "burger", "name": {"en": "Burger", "ja": "バーガー"}, "quantity": 2,
            "unit_price": 900, "total": 1800, "station": "grill",
            "modifiers": [{"id": "onion", "name": {"en": "Onion", "ja": "玉ねぎ"}, "price": 0}],
            "note": "rare, please",
        }],
    });
    serde_json::from_value(ticket).expect("a ticket")
}

/// Commands by their names, so that a sheet can be read.
const NAMES: [(&str, &[u8]); 10] = [
    ("{init}", b"\x1b@\x1da\x00"),
    ("{437}", b"\x1bt\x00"),
    ("{kanji}", b"\x1bt\x01\x1c&\x1cC\x01"),
    ("{plain}", b"\x1bE\x00\x1dB\x00\x1d!\x00"),
    ("{bold}", b"\x1bE\x01\x1dB\x00\x1d!\x00"),
    ("{tall}", b"\x1bE\x01\x1dB\x00\x1d!\x01"),
    ("{large}", b"\x1bE\x01\x1dB\x00\x1d!\x11"),
    ("{alarm}", b"\x1bE\x01\x1dB\x01\x1d!\x01"),
    ("{copy}", b"\x1bE\x01\x1dB\x01\x1d!\x11"),
    ("{cut}", b"\x1dVB\x00"),
];

/// The bytes of a sheet that is written with [`NAMES`].
fn golden(text: &str, encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((name, command)) = NAMES.iter().find(|(name, _)| rest.starts_with(name)) {
            bytes.extend(*command);
            rest = &rest[name.len()..];
        } else {
            let mut marks = rest.char_indices().skip(1).filter(|(_, c)| *c == '{');
            let end = marks.next().map_or(rest.len(), |(place, _)| place);
            bytes.extend(encoding.encode(&rest[..end]).0.iter());
            rest = &rest[end..];
        }
    }
    bytes
}

#[test]
fn a_ticket_in_english() {
    let sheet = render(&look(CodePage::Cp437, "en"), &ticket(), false);
    let expected = "{init}{437}{large}17 grill\n{tall}TAKE AWAY\n\
        {alarm} ALLERGY! NO: nuts, milk\n\
        {plain}------------------------\n\
        {tall}2 x Burger\n{plain}    + Onion\n{bold}    ! rare, please\n\
        {plain}------------------------\nAlso at: bar\n\
        {bold}Placed 12:31\nPickup 13:00\n{cut}";
    assert_eq!(sheet, golden(expected, encoding_rs::WINDOWS_1252));
}

#[test]
fn a_copy_in_japanese() {
    let sheet = render(&look(CodePage::ShiftJis, "ja"), &ticket(), true);
    let expected = "{init}{kanji}{copy}*** 複写 ***\n{large}17 grill\n{tall}持ち帰り\n\
        {alarm} アレルギー注意！除去:\n nuts, milk\n\
        {plain}------------------------\n\
        {tall}2 x バーガー\n{plain}    + 玉ねぎ\n{bold}    ! rare, please\n\
        {plain}------------------------\n他の担当: bar\n\
        {bold}受付 12:31\n受取 13:00\n{cut}";
    assert_eq!(sheet, golden(expected, encoding_rs::SHIFT_JIS));
}

#[test]
fn a_ticket_for_now_without_anything_special_is_short() {
    let mut ticket = ticket();
    (ticket.service, ticket.pickup_at) = (None, None);
    (ticket.avoid, ticket.others) = (Vec::new(), Vec::new());
    ticket.lines[0].modifiers = Vec::new();
    ticket.lines[0].note = Some("\u{1b}@\u{1d}V0\0 寿司".to_owned());
    let sheet = render(&look(CodePage::Cp437, "fr"), &ticket, false);
    let expected = "{init}{437}{large}17 grill\n{plain}------------------------\n\
        {tall}2 x Burger\n{bold}    ! @V0 ??\n{plain}------------------------\n\
        {bold}Placed 12:31\n{cut}";
    assert_eq!(sheet, golden(expected, encoding_rs::WINDOWS_1252));
}

#[test]
fn a_pickup_on_another_day_tells_the_day() {
    let mut ticket = ticket();
    ticket.pickup_at = "2026-11-23T16:00:00Z".parse().ok();
    let sheet = render(&look(CodePage::Cp437, "en"), &ticket, false);
    let text = String::from_utf8_lossy(&sheet).into_owned();
    assert!(text.contains("\nPickup 11-24 01:00\n"), "{text}");
}
