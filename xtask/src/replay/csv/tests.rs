use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;

fn options() -> Options {
    Options {
        columns: Named::default(),
        dates: None,
        minor_digits: 2,
    }
}

fn parsed(text: &str) -> Transactions {
    parse(text.as_bytes(), &options()).expect("a readable file")
}

/// `order@time: item×quantity=price, …` of each order.
fn told(transactions: &Transactions) -> Vec<String> {
    let line = |line: &Line| match line.unit_price {
        Some(price) => format!("{}×{}={price}", line.item, line.quantity),
        None => format!("{}×{}", line.item, line.quantity),
    };
    let order = |order: &Transaction| {
        let lines: Vec<_> = order.lines.iter().map(line).collect();
        let site = order
            .site
            .as_ref()
            .map_or(String::new(), |site| format!("{site}/"));
        format!(
            "{site}{}@{}: {}",
            order.order,
            order.at.format("%m-%d %H:%M"),
            lines.join(", ")
        )
    };
    transactions.orders.iter().map(order).collect()
}

fn reasons(transactions: &Transactions) -> Vec<(u64, &str)> {
    transactions
        .bad_lines
        .iter()
        .map(|bad| (bad.line, &*bad.reason))
        .collect()
}

#[test]
fn lines_of_an_order_are_found_wherever_they_stand() {
    let read = parsed(
        "Date,Time,Transaction,Item\n2016-10-30,10:05:34,2,Tea\n2016-10-30,09:58,1,Bread\n\
         2016-10-30,10:01,2,Cake\n2016-10-30,11:00,3,none\n",
    );
    assert_eq!(
        told(&read),
        ["1@10-30 09:58: Bread×1", "2@10-30 10:01: Tea×1, Cake×1"]
    );
    assert_eq!((read.rows, read.nothing_sold, read.order_ids), (4, 1, 3));
    assert!(read.bad_lines.is_empty());
}

#[test]
fn orders_of_two_sites_may_have_the_same_number() {
    let read = parsed(
        "Store;Bill No.;Created At;Dish;Qty;Unit Price\nA;1;30.10.2016 9:00;Käse;2,0;1.234,50 €\n\
         B;1;30.10.2016 9:00;Brot;1;2,5\nA;1;30.10.2016 9:01;Brot;1;\n",
    );
    assert_eq!(
        told(&read),
        [
            "A/1@10-30 09:00: Käse×2=123450, Brot×1",
            "B/1@10-30 09:00: Brot×1=250"
        ]
    );
}

#[test]
fn a_broken_line_is_reported_and_the_rest_goes_on() {
    let read = parsed(
        "InvoiceNo,Description,Quantity,InvoiceDate,UnitPrice\r\n\
         1,Tea,1,12/13/2010 8:26,2.55\r\n\
         1,Tea,-1,12/13/2010 8:26,2.55\r\n\
         1,Tea,0,12/13/2010 8:26,2.55\r\n\
         1,Tea,1.5,12/13/2010 8:26,2.55\r\n\
         1,Tea,1000001,12/13/2010 8:26,2.55\r\n\
         1,Tea,many,12/13/2010 8:26,2.55\r\n\
         1,Tea,1,13/13/2010 8:26,2.55\r\n\
         1,Tea,1,12/13/2010 8:26,-2.55\r\n\
         1,,1,12/13/2010 8:26,2.55\r\n\
         ,Tea,1,12/13/2010 8:26,2.55\r\n\
         1,Tea,1,12/13/2010 8:26,2.55,more\r\n\
         1,\"Tea,1,12/13/2010 8:26,2.55\r\n\
         \r\n\
         1,\"Green\r\ntea\",1,12/13/2010 8:26,free\r\n\
         1,Cake,1\r\n\
         2,Cake,1000000,12/14/2010 8:26,3\r\n",
    );
    assert_eq!(
        told(&read),
        [
            "1@12-13 08:26: Tea×1=255",
            "2@12-14 08:26: Cake×1000000=300"
        ]
    );
    assert_eq!(
        reasons(&read),
        [
            (3, "quantity -1: a return, not a sale"),
            (4, "quantity 0"),
            (5, "quantity 1.5 is not whole"),
            (6, "quantity 1000001 is above 1000000"),
            (7, "quantity \"many\" is no number"),
            (8, "\"13/13/2010 8:26\" is no date with or without a time"),
            (9, "price -2.55 is negative"),
            (10, "no item"),
            (11, "no order id"),
            (12, "6 fields where the header has 5"),
            (13, "a quote is opened and not closed"),
            (15, "price \"free\" is no number"),
            (17, "no time"),
        ]
    );
    assert_eq!(read.rows, 16 - 1);
}

#[test]
fn what_cannot_be_found_out_is_asked_for() {
    let text = "order,date,item\n1,1/2/2016,Tea\n";
    let error = parse(text.as_bytes(), &options())
        .expect_err("open")
        .to_string();
    assert!(error.contains("--dates"), "{error}");
    let asked = Options {
        dates: Some(DayOrder::MonthFirst),
        ..options()
    };
    let read = parse(text.as_bytes(), &asked).expect("asked");
    assert_eq!(
        read.orders[0].at.date(),
        NaiveDate::from_ymd_opt(2016, 1, 2).expect("a date")
    );

    let error = parse(b"a,b\n1,2\n", &options())
        .expect_err("no columns")
        .to_string();
    assert!(error.contains("--columns order="), "{error}");
    assert!(parse(b"", &options()).is_err() && parse(b"\n\n", &options()).is_err());
    let named = "order=a,time=b+c,item=d".parse().expect("names");
    let text = b"a,b,c,d\n1,2016-10-30,9:58,Tea\n";
    let read = parse(
        text,
        &Options {
            columns: named,
            ..options()
        },
    )
    .expect("named");
    assert_eq!(told(&read), ["1@10-30 09:58: Tea×1"]);
}

#[test]
fn prices_have_the_currencys_digits() {
    let text = "order,date,item,price\n1,2016-10-30,Tea,350\n1,2016-10-30,Cake,1.2345\n";
    for (minor_digits, prices) in [(0, [350, 1]), (2, [35_000, 123]), (3, [350_000, 1235])] {
        let read = parse(
            text.as_bytes(),
            &Options {
                minor_digits,
                ..options()
            },
        )
        .expect("read");
        let found: Vec<_> = read.orders[0]
            .lines
            .iter()
            .filter_map(|line| line.unit_price)
            .collect();
        assert_eq!(found, prices);
    }
}

/// The data set is not part of the product: where it is absent, there is nothing to test.
#[test]
fn the_real_transactions_of_a_bakery_are_read_whole() {
    let file = crate::harness::workspace_root().join("../shared/data/bread-basket.csv");
    if !file.exists() {
        return;
    }
    let read = read(&file, &options()).expect("read");
    assert_eq!(
        (read.rows, read.order_ids, read.nothing_sold),
        (21_293, 9_531, 786)
    );
    assert_eq!((read.orders.len(), read.bad_lines.len()), (9_465, 0));
    let lines: usize = read.orders.iter().map(|order| order.lines.len()).sum();
    assert_eq!(lines, 21_293 - 786);
    assert!(read.orders.is_sorted_by_key(|order| order.at));
    assert_eq!(read.orders[0].at.to_string(), "2016-10-30 09:58:11");
}

/// Every line of a file ends up in exactly one count.
fn check_sums(read: &Transactions) {
    let sold: usize = read.orders.iter().map(|order| order.lines.len()).sum();
    assert_eq!(sold + read.bad_lines.len() + read.nothing_sold, read.rows);
    assert!(read.orders.iter().all(|order| !order.lines.is_empty()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &options());
    }

    #[test]
    fn no_line_is_lost(
        lines in proptest::collection::vec("[-0-9/:.,; \"\t\rA-Za-z€\u{a0}]{0,40}", 0..20)
    ) {
        let text = format!("order,time,item,quantity,price\n{}\n", lines.join("\n"));
        if let Ok(read) = parse(text.as_bytes(), &options()) {
            check_sums(&read);
        }
    }

    #[test]
    fn no_date_or_number_makes_it_panic(text in "[-0-9/:.,+ TZapmOct年]{0,24}") {
        if let Ok(stamp) = Stamp::parse(&text) {
            let _ = stamp.resolve(DayOrder::DayFirst);
            let _ = stamp.resolve(DayOrder::MonthFirst);
        }
        let _ = quantity(&text);
        if let Some(number) = Number::parse(&text) {
            let _ = number.minor(number.decimal().unwrap_or_default(), 3);
        }
    }
}

#[test]
fn an_items_name_is_kept_as_it_stands() {
    let read =
        parsed("Date,Order,Item\n2016-10-30 10:00,1,Half slice \n2016-10-30 10:00,2, NONE \n");
    assert_eq!(
        (read.orders[0].lines[0].item.as_str(), read.nothing_sold),
        ("Half slice ", 1)
    );
}
