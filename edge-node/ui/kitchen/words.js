// What cooks read.
export const words = {
  en: {
    title: 'Kitchen', all: 'All', station: 'Station', recall: 'Recall', bump: 'Bump', 'got-it': 'Got it, stopped', more: 'More for order {n}', start: 'Start cooking', close: 'Close',
    fresh: 'On time', soon: 'Soon late', late: 'Late', again: 'Recalled', cancelled: 'Cancelled, stop', 'recalled-at': 'Recalled {time}', 'at-pickup': 'For {time}',
    here: 'Eat here', away: 'Take away', allergy: 'ALLERGY: {allergens}', also: 'Also at {stations}', cooking: 'Cooking', note: 'Note: {text}',
    'all-day': 'All day', 'all-day.small': 'still to cook', 'all-day.none': 'Nothing to cook',
    '86': '86', '86.small': 'sold out and low', '86.none': 'Everything is on sale', '86.item': '86 an item', '86.title': 'Take an item off sale', '86.search': 'Search', '86.until': 'Back on sale',
    '86.hand': 'When we say so', '86.30': 'In 30 minutes', '86.120': 'In 2 hours', '86.off': 'Take off', 'sold-out': 'Sold out', 'off-sale': 'Off sale', 'off-until': 'Off sale until {time}', left: '{n} left', back: 'Bring back',
    'hub-away': 'Hub offline', 'hub-away.small': 'Orders still work. {n} waiting to send.', stale: 'Not getting new orders since {time}. Bumps are kept and sent.',
    'queued': '{n} bumps waiting', 'queued_one': '1 bump waiting', none: 'No open tickets', 'none.small': 'New orders appear here by themselves.',
    'key.bump': 'Bump', 'key.move': 'Move', 'key.enter': 'Bump selected', 'key.line': 'Tick line', 'key.recall': 'Recall last', 'key.station': 'Next station', 'key.page': 'Page {n} of {of}', 'key.mute': 'Mute', 'key.sound': 'Sound on',
    'just-bumped': 'Just bumped', 'recall.title': 'Recall a ticket', 'recall.none': 'Nothing was bumped on this screen yet', 'recall.refused': '{n} was handed over or called off; it cannot be recalled.', 'new': 'New order {n}', 'sound.locked': 'Touch for sound', call: '{device} calls', 'call.since': 'since {time}', 'call.more': 'and {n} more', 'call.done': 'Done', failed: 'That did not work. Nothing was changed.', language: '日本語',
    'allergen.gluten': 'WHEAT', 'allergen.egg': 'EGG', 'allergen.milk': 'MILK', 'allergen.soy': 'SOY', 'allergen.fish': 'FISH', 'allergen.sesame': 'SESAME', 'allergen.mustard': 'MUSTARD', 'allergen.nuts': 'NUTS', 'allergen.peanut': 'PEANUT', 'allergen.crustaceans': 'CRUSTACEANS', 'allergen.molluscs': 'MOLLUSCS', 'allergen.celery': 'CELERY', 'allergen.lupin': 'LUPIN', 'allergen.sulphites': 'SULPHITES',
  },
  ja: {
    title: '厨房', all: 'すべて', station: '持ち場', recall: '呼び戻す', bump: '完了', 'got-it': '確認、中止した', more: '{n}番のその他', start: '調理開始', close: '閉じる',
    fresh: '順調', soon: 'まもなく遅れ', late: '遅れ', again: '呼び戻し', cancelled: '取消、中止', 'recalled-at': '{time} 呼び戻し', 'at-pickup': '{time} 受取',
    here: '店内', away: '持ち帰り', allergy: 'アレルギー: {allergens}', also: '{stations}にもあり', cooking: '調理中', note: '備考: {text}',
    'all-day': '合計', 'all-day.small': '残り', 'all-day.none': '調理待ちなし',
    '86': '売り切れ', '86.small': '売り切れと残りわずか', '86.none': 'すべて販売中', '86.item': '品切れにする', '86.title': '販売を止める', '86.search': '検索', '86.until': '販売再開',
    '86.hand': '手動で', '86.30': '30分後', '86.120': '2時間後', '86.off': '止める', 'sold-out': '売り切れ', 'off-sale': '販売停止', 'off-until': '{time}まで停止', left: '残り{n}', back: '再開',
    'hub-away': '本部と接続なし', 'hub-away.small': '注文は通常どおり。送信待ち{n}件。', stale: '{time}から新しい注文が届いていません。操作は保存され、後で送信されます。',
    'queued': '操作{n}件が送信待ち', none: '注文はありません', 'none.small': '新しい注文は自動で表示されます。',
    'key.bump': '完了', 'key.move': '移動', 'key.enter': '選択を完了', 'key.line': '1行完了', 'key.recall': '直前を呼び戻す', 'key.station': '次の持ち場', 'key.page': '{of}ページ中{n}', 'key.mute': '消音', 'key.sound': '音を出す',
    'just-bumped': '直前の完了', 'recall.title': '呼び戻す', 'recall.none': 'この画面で完了したものはまだありません', 'recall.refused': '{n}番は受け渡し済みか取消済みです。', 'new': '新しい注文 {n}', 'sound.locked': '音を出すにはタッチ', call: '{device}で呼んでいます', 'call.since': '{time}から', 'call.more': 'ほか{n}件', 'call.done': '対応した', failed: 'うまくいきませんでした。何も変わっていません。', language: 'English',
    'allergen.gluten': '小麦', 'allergen.egg': '卵', 'allergen.milk': '乳', 'allergen.soy': '大豆', 'allergen.fish': '魚', 'allergen.sesame': 'ごま', 'allergen.mustard': 'マスタード', 'allergen.nuts': 'ナッツ', 'allergen.peanut': '落花生', 'allergen.crustaceans': 'えび・かに', 'allergen.molluscs': '貝類', 'allergen.celery': 'セロリ', 'allergen.lupin': 'ルピナス', 'allergen.sulphites': '亜硫酸塩',
  },
};
