//! Which column is which.

use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use csv::StringRecord;

/// Columns named by the user: `order=Bill,time=Date+Time,item=Dish`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    order: Option<String>,
    /// Joined by `+` if there are two.
    time: Option<String>,
    item: Option<String>,
    quantity: Option<String>,
    price: Option<String>,
    site: Option<String>,
}

impl FromStr for Named {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut named = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let Some((what, column)) = part.split_once('=') else {
                bail!("{part:?} is not like order=COLUMN");
            };
            let place = match what.trim() {
                "order" => &mut named.order,
                "time" => &mut named.time,
                "item" => &mut named.item,
                "quantity" => &mut named.quantity,
                "price" => &mut named.price,
                "site" => &mut named.site,
                other => bail!("no {other:?}: name order, time, item, quantity, price or site"),
            };
            *place = Some(column.trim().to_owned());
        }
        Ok(named)
    }
}

/// The places of the columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) order: usize,
    /// One, or a date and a time.
    pub(super) time: Vec<usize>,
    pub(super) item: usize,
    pub(super) quantity: Option<usize>,
    pub(super) price: Option<usize>,
    pub(super) site: Option<usize>,
    /// How many columns the header has.
    pub(super) count: usize,
}

impl Columns {
    pub(super) fn find(header: &StringRecord, named: &Named) -> Result<Self> {
        let header = Header::new(header);
        Ok(Self {
            order: header.require("order", "the order's id", &named.order, ORDER)?,
            time: header.time(&named.time)?,
            item: header.require("item", "the item", &named.item, ITEM)?,
            quantity: header.optional("quantity", &named.quantity, QUANTITY)?,
            price: header.optional("price", &named.price, PRICE)?,
            site: header.optional("site", &named.site, SITE)?,
            count: header.names.len(),
        })
    }
}

/// Groups of names, best first: stems, and what may follow each. All are compared without case,
/// blanks and punctuation; `-` stands for nothing.
type Names = &'static [(&'static str, &'static str)];

const NUMBERED: &str = "id no number num nr nbr code key ref";
const NUMBERED_OR_PLAIN: &str = "id no number num nr nbr code key ref -";

const ORDER: Names = &[
    (
        "order transaction invoice ticket receipt bill basket check cheque cart trans txn tran \
         docket",
        NUMBERED_OR_PLAIN,
    ),
    // Mere `Sales` would be an amount.
    (
        "sale sales purchase salesorder customerorder postransaction salestransaction",
        NUMBERED,
    ),
];

/// Those that describe come before those that number.
const ITEM: Names = &[
    (
        "itemdescription productdescription description itemname productname articlename \
         menuitemname menuitem dishname item product article dish itemdesc productdesc desc \
         itemtitle producttitle title goods items products name",
        "-",
    ),
    ("item product article menuitem dish stock", NUMBERED),
    ("sku plu", NUMBERED_OR_PLAIN),
];

const QUANTITY: Names = &[(
    "quantity qty itemquantity itemqty quantitysold qtysold unitssold quantityordered \
     orderquantity orderqty transactionqty units count itemcount pieces pcs nitems",
    "-",
)];

const PRICE: Names = &[(
    "unitprice itemprice productprice priceperunit priceeach singleprice sellingprice saleprice \
     salesprice retailprice listprice menuprice price",
    "-",
)];

const SITE: Names = &[(
    "site store shop branch location outlet cafeteria restaurant",
    "id name - no number nr code",
)];

/// A date and a time of day in one.
const MOMENT: Names = &[(
    "datetime timestamp dateandtime datetimestamp orderdatetime transactiondatetime \
     invoicedatetime saledatetime ordertimestamp transactiontimestamp createdat orderedat placedat \
     soldat openedat closedat paidat createdon created createdate createddate",
    "-",
)];

/// What a date or a time of day can be of.
const EVENT: &str = "- order transaction invoice sale sales ticket receipt bill check purchase \
                     business trans txn local";

/// The names in a list.
fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_whitespace()
        .map(|word| if word == "-" { "" } else { word })
}

struct Header<'a> {
    names: Vec<&'a str>,
    plain: Vec<String>,
}

impl<'a> Header<'a> {
    fn new(header: &'a StringRecord) -> Self {
        let names: Vec<_> = header.iter().map(str::trim).collect();
        let plain = names.iter().map(|name| simplify(name)).collect();
        Self { names, plain }
    }

    fn time(&self, named: &Option<String>) -> Result<Vec<usize>> {
        if let Some(names) = named {
            // A header may have a plus in its name; only if it has not does a plus join two.
            let whole = self.named("time", names).map(|column| vec![column]);
            return whole.or_else(|error| match names.split_once('+') {
                Some((date, time)) => {
                    Ok(vec![self.named("time", date)?, self.named("time", time)?])
                }
                None => Err(error),
            });
        }
        if let Some(moment) = self.search(MOMENT) {
            return Ok(vec![moment]);
        }
        let ending =
            |end: &str| words(EVENT).find_map(|event| self.place(&format!("{event}{end}")));
        match (ending("date").or_else(|| ending("day")), ending("time")) {
            (Some(date), Some(time)) => Ok(vec![date, time]),
            (Some(moment), None) | (None, Some(moment)) => Ok(vec![moment]),
            (None, None) => Err(self.missing("time", "the time")),
        }
    }

    fn require(
        &self,
        option: &str,
        what: &str,
        named: &Option<String>,
        names: Names,
    ) -> Result<usize> {
        let found = self.optional(option, named, names)?;
        found.ok_or_else(|| self.missing(option, what))
    }

    fn optional(
        &self,
        option: &str,
        named: &Option<String>,
        names: Names,
    ) -> Result<Option<usize>> {
        match named {
            Some(name) => self.named(option, name).map(Some),
            None => Ok(self.search(names)),
        }
    }

    fn named(&self, option: &str, name: &str) -> Result<usize> {
        let name = name.trim();
        let exact = self.names.iter().position(|column| *column == name);
        exact
            .or_else(|| self.place(&simplify(name)))
            .ok_or_else(|| {
                anyhow!(
                    "--columns {option}={name}: there is no such column, but {}",
                    self.list()
                )
            })
    }

    fn search(&self, names: Names) -> Option<usize> {
        names.iter().find_map(|(stems, endings)| {
            // `Item Id` before `Stock Code`, but any id before any mere `Item`.
            words(endings)
                .find_map(|end| words(stems).find_map(|stem| self.place(&format!("{stem}{end}"))))
        })
    }

    fn place(&self, plain: &str) -> Option<usize> {
        self.plain
            .iter()
            .position(|column| column == plain && !plain.is_empty())
    }

    fn missing(&self, option: &str, what: &str) -> anyhow::Error {
        let list = self.list();
        anyhow!("no column looks like {what}; there are {list}. Name it: --columns {option}=COLUMN")
    }

    fn list(&self) -> String {
        self.names
            .iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn simplify(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header; the places of order, time and item in it; those of quantity, price and site.
    type Case = (
        &'static str,
        usize,
        &'static [usize],
        usize,
        [Option<usize>; 3],
    );

    fn find(header: &str, named: &str) -> Result<Columns> {
        Columns::find(&StringRecord::from_iter(header.split(',')), &named.parse()?)
    }

    #[test]
    fn columns_are_found_by_what_they_are_commonly_called() {
        let cases: [Case; 8] = [
            ("Date,Time,Transaction,Item", 2, &[0, 1], 3, [None; 3]),
            (
                "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
                0,
                &[4],
                2,
                [Some(3), Some(5), None],
            ),
            (
                "Order ID,Order Date,Item Name,Quantity,Product Price,Total products",
                0,
                &[1],
                2,
                [Some(3), Some(4), None],
            ),
            (
                "store_id,RECEIPT #,timestamp,PLU,qty",
                1,
                &[2],
                3,
                [Some(4), None, Some(0)],
            ),
            (
                "transaction_id,transaction_date,transaction_time,store_id,store_location,product_id,transaction_qty,unit_price,product_category,product_detail",
                0,
                &[1, 2],
                5,
                [Some(6), Some(7), Some(3)],
            ),
            (
                "bill_no,created_at,dish,pcs,price,outlet",
                0,
                &[1],
                2,
                [Some(3), Some(4), Some(5)],
            ),
            (
                "Check Number,Business Date,Menu Item,Count",
                0,
                &[1],
                2,
                [Some(3), None, None],
            ),
            (
                "TICKET;NUMBER,Day,Hour,Time,Article",
                0,
                &[1, 3],
                4,
                [None; 3],
            ),
        ];
        for (header, order, time, item, optional) in cases {
            let found = find(header, "").expect(header);
            assert_eq!(
                (found.order, &*found.time, found.item),
                (order, time, item),
                "{header}"
            );
            assert_eq!(
                [found.quantity, found.price, found.site],
                optional,
                "{header}"
            );
        }
    }

    #[test]
    fn columns_can_be_named() {
        let found = find("a,b,C d,e,f+g", "order=a,time=b+c_D,item= e ,price=f+g").expect("found");
        assert_eq!((found.order, &*found.time, found.item), (0, &[1, 2][..], 3));
        assert_eq!(found.price, Some(4));
        assert_eq!(
            find("a,b,c,e+f", "order=a,item=b,time=e+f")
                .expect("found")
                .time,
            [3]
        );
    }

    #[test]
    fn a_missing_column_is_an_error_that_helps() {
        let error = find("foo,Date,Item", "").expect_err("no order").to_string();
        assert!(
            error.contains("\"foo\"") && error.contains("--columns order="),
            "{error}"
        );
        let error = find("foo,Date,Item", "order=bar")
            .expect_err("no bar")
            .to_string();
        assert!(
            error.contains("order=bar") && error.contains("\"foo\""),
            "{error}"
        );
        assert!("order".parse::<Named>().is_err() && "colour=a".parse::<Named>().is_err());
    }
}
