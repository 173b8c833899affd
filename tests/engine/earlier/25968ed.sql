CREATE TABLE certificate (
        gateway TEXT NOT NULL,
        account TEXT NOT NULL,
        certificate TEXT NOT NULL,
        PRIMARY KEY (gateway, account)
    ) WITHOUT ROWID;
CREATE TABLE script_store (
        script TEXT NOT NULL,
        key TEXT NOT NULL,
        json TEXT NOT NULL,
        expiry INTEGER,
        PRIMARY KEY (script, key)
    ) WITHOUT ROWID;
CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        subcommand TEXT NOT NULL,
        content TEXT NOT NULL,
        at INTEGER NOT NULL,
        done INTEGER NOT NULL
    , answered INTEGER);
CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        event INTEGER NOT NULL,
        session TEXT NOT NULL,
        script TEXT NOT NULL,
        function TEXT NOT NULL,
        generation INTEGER NOT NULL,
        bundle BLOB NOT NULL,
        started INTEGER NOT NULL,
        rebuild INTEGER NOT NULL,
        format INTEGER NOT NULL,
        waiting TEXT,
        ended INTEGER,
        outcome TEXT NOT NULL,
        fault TEXT
    );
CREATE TABLE entry (
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
CREATE TABLE bundle (
        hash BLOB PRIMARY KEY,
        script TEXT NOT NULL,
        sources TEXT NOT NULL
    , used INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE timer (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        script TEXT NOT NULL,
        timer TEXT NOT NULL,
        due INTEGER NOT NULL,
        declared INTEGER NOT NULL
    );
CREATE TABLE state (
        session TEXT NOT NULL,
        script TEXT NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (session, script)
    ) WITHOUT ROWID;
CREATE TABLE kill (
        run INTEGER PRIMARY KEY
    );
CREATE TABLE cut (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        low INTEGER NOT NULL,
        high INTEGER NOT NULL,
        events INTEGER NOT NULL,
        horizon INTEGER NOT NULL,
        format INTEGER NOT NULL,
        body BLOB NOT NULL
    );
CREATE TABLE session (
        name TEXT PRIMARY KEY,
        gateway TEXT NOT NULL,
        account TEXT NOT NULL,
        scripts TEXT NOT NULL,
        since INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE lineup (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        lineup TEXT NOT NULL
    );
CREATE TABLE seen (
        session TEXT NOT NULL,
        message TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (session, message)
    ) WITHOUT ROWID;
CREATE TABLE highest_message (
        session TEXT PRIMARY KEY,
        number INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE held (
        script TEXT PRIMARY KEY,
        file TEXT NOT NULL,
        since INTEGER NOT NULL,
        ran INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE span (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        low INTEGER NOT NULL,
        high INTEGER NOT NULL,
        at INTEGER NOT NULL,
        count INTEGER NOT NULL,
        steps BLOB NOT NULL
    );
CREATE TABLE seen_until (cut INTEGER NOT NULL);
CREATE TABLE secret (value BLOB NOT NULL);
INSERT INTO script_store VALUES ('bot', 'last', '{"at":1704069000000,"from":"u1"}', NULL);
INSERT INTO script_store VALUES ('bot', 'served', '7', NULL);
INSERT INTO event VALUES (24, 'main', 'RECEIVE_MESSAGE', '{"contentMetadata":{},"contentType":"NONE","from":"u1","id":"1","text":"order","timestamp":1704069000000,"to":"ume"}', 1704069000000, 1, NULL);
INSERT INTO run VALUES (25, 24, 'main', 'bot', 'on_message', 1, X'D9360BCF1B25EE731FE90552A26CBC7185FD6546E763B7C5E0AE0F304A9946DB', 1704069000000, 1, 2, '{"call":"ask","place":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai:5","since":1704069002000,"deadline":1704069602000}', NULL, '', NULL);
INSERT INTO entry VALUES (25, 0, '{"kind":"pure","name":"state","detail":"orders = {\"count\":41,\"kinds\":[\"tea\",\"c\",0.5,null]}","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:11","at":1704069000000,"took":25,"outcome":{"value":"null"}}');
INSERT INTO entry VALUES (25, 1, '{"kind":"pure","name":"now","detail":"","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:12","at":1704069000000,"took":3,"outcome":{"value":"1704069000000"}}');
INSERT INTO entry VALUES (25, 2, '{"kind":"keep","name":"store.set","detail":"last = {\"at\":1704069000000,\"from\":\"u1\"}","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:12","at":1704069000000,"took":6105,"outcome":{"value":"null"}}');
INSERT INTO entry VALUES (25, 3, '{"kind":"keep","name":"store.incr","detail":"served by 7","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:13","at":1704069000000,"took":19,"outcome":{"value":"7"}}');
INSERT INTO entry VALUES (25, 4, '{"kind":"keep","name":"after","detail":"{\"function\":\"tell\",\"arguments\":\"missed\",\"spec\":{\"after\":{\"secs\":300,\"nanos\":0}}}","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:14","at":1704069000000,"took":25,"outcome":{"value":"26"}}');
INSERT INTO entry VALUES (25, 5, '{"kind":"keep","name":"after","detail":"{\"function\":\"tell\",\"arguments\":\"late\",\"spec\":{\"after\":{\"secs\":10800,\"nanos\":0}}}","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:15","at":1704069000000,"took":4,"outcome":{"value":"27"}}');
INSERT INTO entry VALUES (25, 6, '{"kind":"keep","name":"every","detail":"{\"function\":\"tell\",\"arguments\":\"often\",\"spec\":{\"every\":{\"secs\":7200,\"nanos\":0}}}","place":"/tmp/.tmpiR5ubg/scripts/bot.rhai:16","at":1704069000000,"took":21,"outcome":{"value":"28"}}');
INSERT INTO entry VALUES (25, 7, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"1. What?\"}","place":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai:5","at":1704069000000,"took":720,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO entry VALUES (25, 8, '{"kind":"wait","name":"ask","detail":"1. What?","place":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai:5","at":1704069000000,"took":154,"outcome":{"message":"{\"contentMetadata\":{},\"contentType\":\"NONE\",\"from\":\"u1\",\"id\":\"2\",\"text\":\"tea\",\"timestamp\":1704069000000,\"to\":\"ume\"}"}}');
INSERT INTO entry VALUES (25, 9, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"2. How many?\"}","place":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai:5","at":1704069000000,"took":15421,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO entry VALUES (25, 10, '{"kind":"wait","name":"ask","detail":"2. How many?","place":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai:5","at":1704069002000,"took":3065,"outcome":{"message":"{\"contentMetadata\":{},\"contentType\":\"NONE\",\"from\":\"u1\",\"id\":\"3\",\"text\":\"2\",\"timestamp\":1704069000000,\"to\":\"ume\"}"}}');
INSERT INTO entry VALUES (25, 11, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"3. When?\"}","place":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai:5","at":1704069002000,"took":2966,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO bundle VALUES (X'D9360BCF1B25EE731FE90552A26CBC7185FD6546E763B7C5E0AE0F304A9946DB', 'bot', '{"name":"bot","script":{"file":"/tmp/.tmpiR5ubg/scripts/bot.rhai","path":"/tmp/.tmpiR5ubg/scripts/bot.rhai","text":"\nimport \"lib/steps\" as steps;\n\nevery(\"1h\", \"tell\", \"hourly\");\ncron(\"*/15 * * * *\", \"quarter\");\n\nfn tell(chat) { send_text(chat, `${now()}`); }\nfn quarter() { tell(\"quarter\"); }\nfn on_message(msg) {\n    if msg.text == \"order\" {\n        state.orders = #{ count: 41, kinds: [\"tea\", ''c'', 0.5, ()] };\n        store.set(\"last\", #{ from: msg.sender.mid, at: now() });\n        store.incr(\"served\", 7);\n        after(\"5m\", \"tell\", \"missed\");\n        after(\"3h\", \"tell\", \"late\");\n        every(\"2h\", \"tell\", \"often\");\n        let order = steps::take(msg, [\"What?\", \"How many?\", \"When?\"]);\n        state.orders.count += 1;\n        msg.reply(`${order}, order ${state.orders.count}`);\n    }\n    if msg.text == \"nap\" {\n        let since = now();\n        msg.reply(\"Good night\");\n        sleep(\"2h\");\n        tell(`awake after ${(now() - since) / 60000} minutes`);\n    }\n    if msg.text == \"recall\" {\n        msg.reply(`${state.orders} ${store.get(\"last\")} ${store.incr(\"served\")}`);\n    }\n    if msg.text == \"probe\" { after(\"0s\", \"tell\", \"probe\"); }\n}\n"},"modules":{"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai":{"file":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai","path":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai","text":"\nfn take(msg, questions) {\n    let answers = [];\n    for question in questions {\n        let answer = msg.ask(`${answers.len + 1}. ${question}`);\n        answers.push(answer.text);\n    }\n    `${answers}`\n}\n"}},"imports":{"/tmp/.tmpiR5ubg/scripts/bot.rhai":{"lib/steps":"/tmp/.tmpiR5ubg/scripts/lib/steps.rhai"}},"hash":[217,54,11,207,27,37,238,115,31,233,5,82,162,108,188,113,133,253,101,70,231,99,183,197,224,174,15,48,74,153,70,219]}', 1704069002000);
INSERT INTO timer VALUES (22, 'main', 'bot', '{"function":"tell","arguments":"hourly","spec":{"every":{"secs":3600,"nanos":0}}}', 1704072600000, 1);
INSERT INTO timer VALUES (23, 'main', 'bot', '{"function":"quarter","arguments":null,"spec":{"cron":"*/15 * * * *"}}', 1704069900000, 1);
INSERT INTO timer VALUES (26, 'main', 'bot', '{"function":"tell","arguments":"missed","spec":{"after":{"secs":300,"nanos":0}}}', 1704069300000, 0);
INSERT INTO timer VALUES (27, 'main', 'bot', '{"function":"tell","arguments":"late","spec":{"after":{"secs":10800,"nanos":0}}}', 1704079800000, 0);
INSERT INTO timer VALUES (28, 'main', 'bot', '{"function":"tell","arguments":"often","spec":{"every":{"secs":7200,"nanos":0}}}', 1704076200000, 0);
INSERT INTO state VALUES ('main', 'bot', '{"orders":{"count":41,"kinds":["tea","c",0.5,null]}}');
INSERT INTO cut VALUES (1, 1704069000000, 24, 29, 2, 1, 4, X'8B060000FD020000F41F0030046D61696E0F524543454956455F4D455353414745747B22636F6E74656E744D65746164617461223A7B7D2C1500F01054797065223A224E4F4E45222C2266726F6D223A227531222C226964223A220900F23174657874223A226F72646572222C2274696D657374616D70223A313730343036393030303030302C22746F223A22756D65227D80ADEBA69863000002323001329800F22203626F740A6F6E5F6D6573736167650220D9360BCF1B25EE731FE90552A26CBC7185FD6546E763B7C5E0AE0F304A9946DB4400F2260104010853656E6454657874282F746D702F2E746D706952357562672F736372697074732F6C69622F73746570732E726861693A353B00E10000000008000005737461746532BF004073203D201001FF17756E74223A34312C226B696E6473223A5B22746561222C2263222C302E352C6E756C6C5D7D236F000532626F7469002231316A003019010433007F0100036E6F7700380010123238003903010D4301F10202010973746F72652E736574276C617374AF002D61746A0106A8010FA60011036E0022D92FA7003203010A6600FF01696E63720B7365727665642062792037B900101233B900F12F130101370401056166746572507B2266756E6374696F6E223A2274656C6C222C22617267756D656E7473223A226D6973736564222C2273706563223A7B223700000900FF0673656373223A3330302C226E616E6F73223A307D7DD20011123487006F1901023236058800154F6C6174658600073F31303888001F036A02DF0401023237060105657665727910010E576F6674656E8900013600060F012F373288001F123610017515010232380703310323207B940300C70303F10300D5039F2E20576861743F227D5203201F3A660402107256030F660426103257040266040288030F640419BF013000013A0132023230002B042A840208020361736B081E010F1C011C3F9A01030501601609ED011F24ED0103BF322E20486F77206D616E79F10121520107022F7B0C06107346020A9A0101F905010200122C6A02607531227DD0050000000000000000');
INSERT INTO cut VALUES (2, 1704069000000, 9223372036854775807, 0, 0, 3, 4, X'7800000075000000F45402323000010361736B282F746D702F2E746D706952357562672F736372697074732F6C69622F73746570732E726861693A3580ADEBA698630180CCB4A79863000000000109022F7B226964223A227331222C2274696D657374616D70223A31373030300300D02C22746F223A227531227DBD780000000000000000');
INSERT INTO cut VALUES (3, 1704069002000, 42, 44, 2, 3, 4, X'8504000016020000F41F0054046D61696E0F524543454956455F4D455353414745707B22636F6E74656E744D65746164617461223A7B7D2C1500F03354797065223A224E4F4E45222C2266726F6D223A227531222C226964223A2233222C2274657874223A2232222C2274696D657374616D70223A3137303430363930300200402C22746F3800F4386D65227DA0CCEBA6986300000154013202323000010853656E6454657874282F746D702F2E746D706952357562672F736372697074732F6C69622F73746570732E726861693A354300FF070000020A020361736B0C322E20486F77206D616E793F47001C3FF9170304015E250B03F50023207B1C010054010375010059019F2E205768656E3F227DCF001C0016011F56EA01021F72EA012100D60101EA011634EA01306E61700D000FEC01185202585601589600F22203626F740A6F6E5F6D6573736167650220D9360BCF1B25EE731FE90552A26CBC7185FD6546E763B7C5E0AE0F304A9946DBED0126010428021F2328020532626F7422022432336602AF0000020000036E6F7700360010123236003506010DBE02563230303001AE011422AE0100180106AE01CF476F6F64206E69676874227D680010069E0031015600040300C5020FE9011C5201A0EBB4A7F00152010B022F7B9103107347020A8703008103020200048703FF0131227D9617025856000105736C656570B3001012341B015301A0C0DAAD75001F0175001A607532227DEE020000000000000000');
INSERT INTO session VALUES ('main', 'this machine', 'main@bot.test', 'null', 0);
INSERT INTO lineup VALUES (1, 1704069000000, '{"scripts":[{"name":"bot","hooks":["on_message"],"fault":null,"held":false}]}');
INSERT INTO highest_message VALUES ('main', 4);
INSERT INTO span VALUES (1, 'main', 1, 2, 1704069000000, 2, X'0101');
INSERT INTO span VALUES (2, 'main', 3, 4, 1704069002000, 2, X'0101');
INSERT INTO seen_until VALUES (3);
INSERT INTO secret VALUES (X'57485D5CD68EBE4AD0B232EF5A2F78E816A362435D2E1D99E1FA3508450EEC80');
CREATE INDEX event_open ON event (session, id) WHERE done = 0;
CREATE INDEX run_event ON run (event);
CREATE INDEX run_open ON run (session, id) WHERE ended IS NULL;
CREATE INDEX cut_ids ON cut (high, low);
CREATE INDEX lineup_at ON lineup (at);
CREATE INDEX seen_at ON seen (at);
CREATE INDEX span_ids ON span (session, high, low);
CREATE INDEX span_at ON span (at, count);
PRAGMA user_version = 9;
