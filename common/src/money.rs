//! Money as integers in minor units; one currency per site.

use serde::{Deserialize, Serialize};

/// An amount in minor units of the site's currency (cents of a euro, whole yen).
pub type Minor = i64;

/// An ISO 4217 currency code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "EUR")]
pub struct Currency(String);

impl Currency {
    /// The three-letter code.
    pub fn code(&self) -> &str {
        &self.0
    }

    /// How many digits stand after the decimal point (ISO 4217 minor unit).
    pub fn digits(&self) -> u32 {
        match self.0.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }

    /// An amount for people, such as `3.50 EUR`.
    pub fn format(&self, minor: Minor) -> String {
        let digits = self.digits();
        let unit = 10_u64.pow(digits);
        let (sign, amount) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
        let code = &self.0;
        match digits {
            0 => format!("{sign}{amount} {code}"),
            _ => format!(
                "{sign}{}.{:0width$} {code}",
                amount / unit,
                amount % unit,
                width = digits as usize
            ),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        if code.len() == 3 && code.chars().all(|c| c.is_ascii_uppercase()) {
            Ok(Self(code))
        } else {
            Err(format!("\"{code}\" is no ISO 4217 code such as EUR or JPY"))
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_with_the_currencys_digits() {
        let format = |code: &str, minor| {
            Currency::try_from(code.to_owned()).map(|currency| currency.format(minor))
        };
        assert_eq!(format("EUR", 1_205), Ok("12.05 EUR".into()));
        assert_eq!(format("EUR", -5), Ok("-0.05 EUR".into()));
        assert_eq!(format("JPY", 350), Ok("350 JPY".into()));
        assert_eq!(format("KWD", 1_005), Ok("1.005 KWD".into()));
        assert!(format("euro", 1).is_err());
    }
}
