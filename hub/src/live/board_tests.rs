use super::*;

const FINE: Signs = Signs {
    is_conflicting: false,
    is_revoked: false,
    was_heard: true,
    is_heard: true,
    is_same: true,
    lag_events: 0,
    late_orders: 0,
    is_updating: false,
    is_closed: false,
};

fn known(site: &str, currency: &str, signs: Signs) -> Known {
    Known {
        now: SiteNow {
            site: site.to_owned(),
            name: site.to_owned(),
            region: None,
            time_zone: "UTC".to_owned(),
            currency: currency.to_owned(),
            state: signs.state(),
            is_stale: !signs.is_heard,
            last_seen: None,
            lag_events: signs.lag_events,
            orders_per_minute: 1.2,
            last_hour: vec![0; 12],
            open_orders: 2,
            late_orders: signs.late_orders,
            orders_today: 10,
            revenue_today: 5_000,
            preparation_p50_seconds: None,
            sold_out: 1,
            menu_version: Some(1),
            menu_wanted: None,
        },
        since: None,
        before: Before {
            orders: 8,
            revenue: 4_000,
        },
        times: vec![(10, 1), (20, 3)],
        times_before: Vec::new(),
        refused: None,
        parked: 0,
    }
}

#[test]
fn the_worst_sign_decides() {
    assert_eq!(FINE.state(), SiteState::Healthy);
    let closed = Signs {
        is_closed: true,
        ..FINE
    };
    assert_eq!(closed.state(), SiteState::Closed);
    let updating = Signs {
        is_updating: true,
        ..closed
    };
    assert_eq!(updating.state(), SiteState::Updating);
    let slow = Signs {
        late_orders: 3,
        ..updating
    };
    assert_eq!(slow.state(), SiteState::Slow);
    let behind = Signs {
        lag_events: 101,
        ..slow
    };
    assert_eq!(behind.state(), SiteState::Behind);
    let silent = Signs {
        is_heard: false,
        ..behind
    };
    assert_eq!(silent.state(), SiteState::Silent);
    let never = Signs {
        was_heard: false,
        ..silent
    };
    assert_eq!(never.state(), SiteState::Never);
}

#[test]
fn the_worst_comes_first_and_money_is_summed_by_its_kind() {
    let silent = Signs {
        is_heard: false,
        ..FINE
    };
    let all = [
        known("a", "EUR", FINE),
        known("b", "JPY", FINE),
        known("c", "EUR", silent),
    ];
    let overview = Overview::of(Utc::now(), all.iter());
    let order: Vec<&str> = overview.sites.iter().map(|site| &*site.site).collect();
    assert_eq!(order, ["c", "a", "b"]);
    let totals = &overview.totals;
    assert_eq!((totals.orders, totals.before_orders), (30, 24));
    let money: Vec<_> = totals
        .currencies
        .iter()
        .map(|one| (&*one.currency, one.orders, one.revenue, one.before_revenue))
        .collect();
    assert_eq!(
        money,
        [("EUR", 20, 10_000, 8_000), ("JPY", 10, 5_000, 4_000)]
    );
    // What was so when a site was last heard is no rate of now.
    assert_eq!((totals.orders_per_minute, totals.in_touch), (2.4, 2));
    assert_eq!(
        totals.preparation_p50_seconds,
        Some(tenths(buckets::preparation(20)))
    );
    let alarms: Vec<_> = overview.alarms.iter().map(|one| &*one.kind).collect();
    assert_eq!(alarms, ["silent"]);
}
