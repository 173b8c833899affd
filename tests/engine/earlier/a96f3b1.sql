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
INSERT INTO script_store VALUES ('bot', 'last', '{"at":1704069000000,"from":"u1"}', NULL);
INSERT INTO script_store VALUES ('bot', 'served', '7', NULL);
INSERT INTO event VALUES (20, 'main', 'RECEIVE_MESSAGE', '{"contentMetadata":{},"contentType":"NONE","from":"u1","id":"1","text":"order","timestamp":1704069000000,"to":"ume"}', 1704069000000, 1, NULL);
INSERT INTO run VALUES (21, 20, 'main', 'bot', 'on_message', 1, X'B40848568508C733678DF5A705BAE693E9294EB041C092AAE6919142F6BE910A', 1704069000000, 1, 2, '{"call":"ask","place":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai:5","since":1704069002000,"deadline":1704069602000}', NULL, '', NULL);
INSERT INTO entry VALUES (21, 0, '{"kind":"pure","name":"state","detail":"orders = {\"count\":41,\"kinds\":[\"tea\",\"c\",0.5,null]}","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:11","at":1704069000000,"took":19,"outcome":{"value":"null"}}');
INSERT INTO entry VALUES (21, 1, '{"kind":"pure","name":"now","detail":"","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:12","at":1704069000000,"took":2,"outcome":{"value":"1704069000000"}}');
INSERT INTO entry VALUES (21, 2, '{"kind":"keep","name":"store.set","detail":"last = {\"at\":1704069000000,\"from\":\"u1\"}","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:12","at":1704069000000,"took":166,"outcome":{"value":"null"}}');
INSERT INTO entry VALUES (21, 3, '{"kind":"keep","name":"store.incr","detail":"served by 7","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:13","at":1704069000000,"took":11,"outcome":{"value":"7"}}');
INSERT INTO entry VALUES (21, 4, '{"kind":"keep","name":"after","detail":"{\"function\":\"tell\",\"arguments\":\"missed\",\"spec\":{\"after\":{\"secs\":300,\"nanos\":0}}}","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:14","at":1704069000000,"took":15,"outcome":{"value":"22"}}');
INSERT INTO entry VALUES (21, 5, '{"kind":"keep","name":"after","detail":"{\"function\":\"tell\",\"arguments\":\"late\",\"spec\":{\"after\":{\"secs\":10800,\"nanos\":0}}}","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:15","at":1704069000000,"took":3,"outcome":{"value":"23"}}');
INSERT INTO entry VALUES (21, 6, '{"kind":"keep","name":"every","detail":"{\"function\":\"tell\",\"arguments\":\"often\",\"spec\":{\"every\":{\"secs\":7200,\"nanos\":0}}}","place":"/tmp/.tmpnksw5A/scripts/bot.rhai:16","at":1704069000000,"took":15,"outcome":{"value":"24"}}');
INSERT INTO entry VALUES (21, 7, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"1. What?\"}","place":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai:5","at":1704069000000,"took":349,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO entry VALUES (21, 8, '{"kind":"wait","name":"ask","detail":"1. What?","place":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai:5","at":1704069000000,"took":295,"outcome":{"message":"{\"contentMetadata\":{},\"contentType\":\"NONE\",\"from\":\"u1\",\"id\":\"2\",\"text\":\"tea\",\"timestamp\":1704069000000,\"to\":\"ume\"}"}}');
INSERT INTO entry VALUES (21, 9, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"2. How many?\"}","place":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai:5","at":1704069000000,"took":324,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO entry VALUES (21, 10, '{"kind":"wait","name":"ask","detail":"2. How many?","place":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai:5","at":1704069002000,"took":90,"outcome":{"message":"{\"contentMetadata\":{},\"contentType\":\"NONE\",\"from\":\"u1\",\"id\":\"3\",\"text\":\"2\",\"timestamp\":1704069000000,\"to\":\"ume\"}"}}');
INSERT INTO entry VALUES (21, 11, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"3. When?\"}","place":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai:5","at":1704069002000,"took":742,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO bundle VALUES (X'B40848568508C733678DF5A705BAE693E9294EB041C092AAE6919142F6BE910A', 'bot', '{"name":"bot","script":{"file":"/tmp/.tmpnksw5A/scripts/bot.rhai","path":"/tmp/.tmpnksw5A/scripts/bot.rhai","text":"\nimport \"lib/steps\" as steps;\n\nevery(\"1h\", \"tell\", \"hourly\");\ncron(\"*/15 * * * *\", \"quarter\");\n\nfn tell(chat) { send_text(chat, `${now()}`); }\nfn quarter() { tell(\"quarter\"); }\nfn on_message(msg) {\n    if msg.text == \"order\" {\n        state.orders = #{ count: 41, kinds: [\"tea\", ''c'', 0.5, ()] };\n        store.set(\"last\", #{ from: msg.sender.mid, at: now() });\n        store.incr(\"served\", 7);\n        after(\"5m\", \"tell\", \"missed\");\n        after(\"3h\", \"tell\", \"late\");\n        every(\"2h\", \"tell\", \"often\");\n        let order = steps::take(msg, [\"What?\", \"How many?\", \"When?\"]);\n        state.orders.count += 1;\n        msg.reply(`${order}, order ${state.orders.count}`);\n    }\n    if msg.text == \"nap\" {\n        let since = now();\n        msg.reply(\"Good night\");\n        sleep(\"2h\");\n        tell(`awake after ${(now() - since) / 60000} minutes`);\n    }\n    if msg.text == \"recall\" {\n        msg.reply(`${state.orders} ${store.get(\"last\")} ${store.incr(\"served\")}`);\n    }\n    if msg.text == \"probe\" { after(\"0s\", \"tell\", \"probe\"); }\n}\n"},"modules":{"/tmp/.tmpnksw5A/scripts/lib/steps.rhai":{"file":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai","path":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai","text":"\nfn take(msg, questions) {\n    let answers = [];\n    for question in questions {\n        let answer = msg.ask(`${answers.len + 1}. ${question}`);\n        answers.push(answer.text);\n    }\n    `${answers}`\n}\n"}},"imports":{"/tmp/.tmpnksw5A/scripts/bot.rhai":{"lib/steps":"/tmp/.tmpnksw5A/scripts/lib/steps.rhai"}},"hash":[180,8,72,86,133,8,199,51,103,141,245,167,5,186,230,147,233,41,78,176,65,192,146,170,230,145,145,66,246,190,145,10]}', 1704069002000);
INSERT INTO timer VALUES (5, 'main', 'bot', '{"function":"tell","arguments":"hourly","spec":{"every":{"secs":3600,"nanos":0}}}', 1704072600000, 1);
INSERT INTO timer VALUES (6, 'main', 'bot', '{"function":"quarter","arguments":null,"spec":{"cron":"*/15 * * * *"}}', 1704069900000, 1);
INSERT INTO timer VALUES (22, 'main', 'bot', '{"function":"tell","arguments":"missed","spec":{"after":{"secs":300,"nanos":0}}}', 1704069300000, 0);
INSERT INTO timer VALUES (23, 'main', 'bot', '{"function":"tell","arguments":"late","spec":{"after":{"secs":10800,"nanos":0}}}', 1704079800000, 0);
INSERT INTO timer VALUES (24, 'main', 'bot', '{"function":"tell","arguments":"often","spec":{"every":{"secs":7200,"nanos":0}}}', 1704076200000, 0);
INSERT INTO state VALUES ('main', 'bot', '{"orders":{"count":41,"kinds":["tea","c",0.5,null]}}');
INSERT INTO cut VALUES (1, 1704069000000, 20, 25, 2, 2, 4, X'0307000015030000F41F0028046D61696E0F524543454956455F4D455353414745747B22636F6E74656E744D65746164617461223A7B7D2C1500F01054797065223A224E4F4E45222C2266726F6D223A227531222C226964223A220900F23174657874223A226F72646572222C2274696D657374616D70223A313730343036393030303030302C22746F223A22756D65227D80ADEBA698630000022A28012A9800F22203626F740A6F6E5F6D6573736167650220B40848568508C733678DF5A705BAE693E9294EB041C092AAE6919142F6BE910A4400F2260104010853656E6454657874282F746D702F2E746D706E6B737735412F736372697074732F6C69622F73746570732E726861693A353B00E10000000008000005737461746532BF004073203D201001FF17756E74223A34312C226B696E6473223A5B22746561222C2263222C302E352C6E756C6C5D7D236F000532626F7469002231316A003013010433007F0100036E6F7700380010123238003902010D4301F10202010973746F72652E736574276C617374AF002D61746A0106A8010FA60011036E0022A601A7003203010A6600FF01696E63720B7365727665642062792037B900101233B900F12F0B0101370401056166746572507B2266756E6374696F6E223A2274656C6C222C22617267756D656E7473223A226D6973736564222C2273706563223A7B223700000900FF0673656373223A3330302C226E616E6F73223A307D7DD20011123487006F0F01023232058800154F6C6174658600073F31303888001F036A02DF0301023233060105657665727910010E576F6674656E8900013600060F012F373288001F1636100135340703310323207B940300C70303F10300D5039F2E20576861743F227D52031F5F0128000032690402107259030F69042610325A04026904028B030F6704198F0132012A022A28002B042A840208020361736B081E010F1C011C3FA702030201601609ED011F24ED0103BF322E20486F77206D616E79F10121520107022F7B0C06107346020A970101F905010200152C6A02317DDD028C01004D010F44011C520180CCB4A7B9052F010978001A607531227DC4020000000000000000');
INSERT INTO cut VALUES (2, 1704069002000, 38, 40, 2, 2, 4, X'8404000015020000F41F004C046D61696E0F524543454956455F4D455353414745707B22636F6E74656E744D65746164617461223A7B7D2C1500F03354797065223A224E4F4E45222C2266726F6D223A227531222C226964223A2233222C2274657874223A2232222C2274696D657374616D70223A3137303430363930300200402C22746F3800F4386D65227DA0CCEBA698630000014C012A022A2800010853656E6454657874282F746D702F2E746D706E6B737735412F736372697074732F6C69622F73746570732E726861693A354300FF070000020A020361736B0C322E20486F77206D616E793F47001C2F5A0303015E250B03F40023207B1B010053010374010058019F2E205768656E3F227DCE001C0015011F4EE901021F72E9012100D50101E9011634E901306E61700D000FEB01185202504E01509600F22203626F740A6F6E5F6D6573736167650220B40848568508C733678DF5A705BAE693E9294EB041C092AAE6919142F6BE910AEC0126010427021F2327020532626F7421022432336502AF0000020000036E6F7700360010123236003504010DBD02563230303001AE011422AE0100180106AE01CF476F6F64206E69676874227D680010069E0031014E00030300C4020FE9011C5201A0EBB4A7F00152010B022F7B9003107347020A8603008003020200048603FF0131227DE60502504E000105736C656570B3001012341B015301A0C0DAAD75001F0175001A607532227D97030000000000000000');
INSERT INTO session VALUES ('main', 'this machine', 'main@bot.test', 'null', 0);
INSERT INTO lineup VALUES (1, 1704069000000, '{"scripts":[{"name":"bot","hooks":["on_message"],"fault":null,"held":false}]}');
INSERT INTO highest_message VALUES ('main', 4);
INSERT INTO span VALUES (1, 'main', 1, 2, 1704069000000, 2, X'0101');
INSERT INTO span VALUES (2, 'main', 3, 4, 1704069002000, 2, X'0101');
INSERT INTO seen_until VALUES (2);
CREATE INDEX event_open ON event (session, id) WHERE done = 0;
CREATE INDEX run_event ON run (event);
CREATE INDEX run_open ON run (session, id) WHERE ended IS NULL;
CREATE INDEX cut_ids ON cut (high, low);
CREATE INDEX lineup_at ON lineup (at);
CREATE INDEX seen_at ON seen (at);
CREATE INDEX span_ids ON span (session, high, low);
CREATE INDEX span_at ON span (at, count);
PRAGMA user_version = 8;
