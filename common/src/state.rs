//! The states of orders and tickets, and which step may follow which.

use serde::{Deserialize, Serialize};

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// All values, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire and in stores.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let known = || Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", ");
                Self::ALL.iter().copied().find(|v| v.as_str() == text)
                    .ok_or_else(|| format!("\"{text}\" is none of: {}", known()))
            }
        }
    };
}
pub(crate) use text_enum;

text_enum!(
    /// Where an order stands: `placed → preparing → ready → collected`, with three ways out.
    OrderState {
        /// Accepted and paid for in stock; nobody cooks yet.
        Placed = "placed",
        /// At least one ticket was started or one line made.
        Preparing = "preparing",
        /// All tickets are done; the number is called.
        Ready = "ready",
        /// Handed over.
        Collected = "collected",
        /// Called off by guest or staff.
        Cancelled = "cancelled",
        /// Its job failed for good.
        Rejected = "rejected",
        /// Ready, but never collected.
        Expired = "expired",
    }
);

impl OrderState {
    /// Whether the order still wants something to happen.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Placed | Self::Preparing | Self::Ready)
    }

    /// Whether an order may go from this state to `next` by a step of its own. There are two ways
    /// back: from ready to preparing through a recalled ticket, and from rejected to placed when
    /// its job is tried again.
    pub fn may_become(self, next: Self) -> bool {
        use OrderState::*;
        matches!(
            (self, next),
            (Placed, Preparing | Cancelled | Rejected)
                | (Preparing, Ready | Cancelled)
                | (Ready, Collected | Expired | Preparing | Cancelled)
                | (Rejected, Placed)
        )
    }
}

text_enum!(
    /// Where a ticket stands: `waiting → cooking → done`, or `cancelled` with its order.
    TicketState {
        /// Not begun.
        Waiting = "waiting",
        /// Begun.
        Cooking = "cooking",
        /// Made.
        Done = "done",
        /// Its order was called off.
        Cancelled = "cancelled",
    }
);

impl TicketState {
    /// Whether a cook still has to do something about it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Cooking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_closed_state_but_what_is_tried_again() {
        for closed in OrderState::ALL.iter().filter(|s| !s.is_open()) {
            for next in OrderState::ALL {
                let again = (*closed, *next) == (OrderState::Rejected, OrderState::Placed);
                assert_eq!(closed.may_become(*next), again, "{closed} → {next}");
            }
        }
    }

    #[test]
    fn an_unknown_state_names_the_known_ones() {
        let error = "cooked".parse::<OrderState>().expect_err("unknown");
        assert!(
            error.contains("placed") && error.contains("cooked"),
            "{error}"
        );
    }
}
