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
INSERT INTO event VALUES (7, 'main', 'RECEIVE_MESSAGE', '{"contentMetadata":{},"contentType":"NONE","from":"u1","id":"1","text":"order","timestamp":1704069000000,"to":"ume"}', 1704069000000, 1, NULL);
INSERT INTO run VALUES (8, 7, 'main', 'bot', 'on_message', 1, X'1C5350B77E725EA5D1EF433FF90B9D572C9D8633FAA65623E4DB047CA7C49AE0', 1704069000000, 1, 2, '{"call":"ask","place":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai:5","since":1704069002000,"deadline":1704069602000}', NULL, '', NULL);
INSERT INTO entry VALUES (8, 0, '{"kind":"pure","name":"state","detail":"orders = {\"count\":41,\"kinds\":[\"tea\",\"c\",0.5,null]}","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:11","at":1704069000000,"took":12,"outcome":{"value":"null"}}');
INSERT INTO entry VALUES (8, 1, '{"kind":"pure","name":"now","detail":"","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:12","at":1704069000000,"took":1,"outcome":{"value":"1704069000000"}}');
INSERT INTO entry VALUES (8, 2, '{"kind":"keep","name":"store.set","detail":"last = {\"at\":1704069000000,\"from\":\"u1\"}","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:12","at":1704069000000,"took":337,"outcome":{"value":"null"}}');
INSERT INTO entry VALUES (8, 3, '{"kind":"keep","name":"store.incr","detail":"served by 7","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:13","at":1704069000000,"took":27,"outcome":{"value":"7"}}');
INSERT INTO entry VALUES (8, 4, '{"kind":"keep","name":"after","detail":"{\"function\":\"tell\",\"arguments\":\"missed\",\"spec\":{\"after\":{\"secs\":300,\"nanos\":0}}}","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:14","at":1704069000000,"took":33,"outcome":{"value":"9"}}');
INSERT INTO entry VALUES (8, 5, '{"kind":"keep","name":"after","detail":"{\"function\":\"tell\",\"arguments\":\"late\",\"spec\":{\"after\":{\"secs\":10800,\"nanos\":0}}}","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:15","at":1704069000000,"took":1,"outcome":{"value":"10"}}');
INSERT INTO entry VALUES (8, 6, '{"kind":"keep","name":"every","detail":"{\"function\":\"tell\",\"arguments\":\"often\",\"spec\":{\"every\":{\"secs\":7200,\"nanos\":0}}}","place":"/tmp/.tmpv4onNL/scripts/bot.rhai:16","at":1704069000000,"took":36,"outcome":{"value":"11"}}');
INSERT INTO entry VALUES (8, 7, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"1. What?\"}","place":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai:5","at":1704069000000,"took":408,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO entry VALUES (8, 8, '{"kind":"wait","name":"ask","detail":"1. What?","place":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai:5","at":1704069000000,"took":510,"outcome":{"message":"{\"contentMetadata\":{},\"contentType\":\"NONE\",\"from\":\"u1\",\"id\":\"2\",\"text\":\"tea\",\"timestamp\":1704069000000,\"to\":\"ume\"}"}}');
INSERT INTO entry VALUES (8, 9, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"2. How many?\"}","place":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai:5","at":1704069000000,"took":362,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO entry VALUES (8, 10, '{"kind":"wait","name":"ask","detail":"2. How many?","place":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai:5","at":1704069002000,"took":97,"outcome":{"message":"{\"contentMetadata\":{},\"contentType\":\"NONE\",\"from\":\"u1\",\"id\":\"3\",\"text\":\"2\",\"timestamp\":1704069000000,\"to\":\"ume\"}"}}');
INSERT INTO entry VALUES (8, 11, '{"kind":"effect","name":"SendText","detail":"{\"to\":\"u1\",\"content\":\"3. When?\"}","place":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai:5","at":1704069002000,"took":720,"outcome":{"content":"{\"id\":\"s1\",\"timestamp\":1700000000000,\"to\":\"u1\"}"}}');
INSERT INTO bundle VALUES (X'1C5350B77E725EA5D1EF433FF90B9D572C9D8633FAA65623E4DB047CA7C49AE0', 'bot', '{"name":"bot","script":{"file":"/tmp/.tmpv4onNL/scripts/bot.rhai","path":"/tmp/.tmpv4onNL/scripts/bot.rhai","text":"\nimport \"lib/steps\" as steps;\n\nevery(\"1h\", \"tell\", \"hourly\");\ncron(\"*/15 * * * *\", \"quarter\");\n\nfn tell(chat) { send_text(chat, `${now()}`); }\nfn quarter() { tell(\"quarter\"); }\nfn on_message(msg) {\n    if msg.text == \"order\" {\n        state.orders = #{ count: 41, kinds: [\"tea\", ''c'', 0.5, ()] };\n        store.set(\"last\", #{ from: msg.sender.mid, at: now() });\n        store.incr(\"served\", 7);\n        after(\"5m\", \"tell\", \"missed\");\n        after(\"3h\", \"tell\", \"late\");\n        every(\"2h\", \"tell\", \"often\");\n        let order = steps::take(msg, [\"What?\", \"How many?\", \"When?\"]);\n        state.orders.count += 1;\n        msg.reply(`${order}, order ${state.orders.count}`);\n    }\n    if msg.text == \"nap\" {\n        let since = now();\n        msg.reply(\"Good night\");\n        sleep(\"2h\");\n        tell(`awake after ${(now() - since) / 60000} minutes`);\n    }\n    if msg.text == \"recall\" {\n        msg.reply(`${state.orders} ${store.get(\"last\")} ${store.incr(\"served\")}`);\n    }\n    if msg.text == \"probe\" { after(\"0s\", \"tell\", \"probe\"); }\n}\n"},"modules":{"/tmp/.tmpv4onNL/scripts/lib/steps.rhai":{"file":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai","path":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai","text":"\nfn take(msg, questions) {\n    let answers = [];\n    for question in questions {\n        let answer = msg.ask(`${answers.len + 1}. ${question}`);\n        answers.push(answer.text);\n    }\n    `${answers}`\n}\n"}},"imports":{"/tmp/.tmpv4onNL/scripts/bot.rhai":{"lib/steps":"/tmp/.tmpv4onNL/scripts/lib/steps.rhai"}},"hash":[28,83,80,183,126,114,94,165,209,239,67,63,249,11,157,87,44,157,134,51,250,166,86,35,228,219,4,124,167,196,154,224]}', 1704069002000);
INSERT INTO timer VALUES (5, 'main', 'bot', '{"function":"tell","arguments":"hourly","spec":{"every":{"secs":3600,"nanos":0}}}', 1704072600000, 1);
INSERT INTO timer VALUES (6, 'main', 'bot', '{"function":"quarter","arguments":null,"spec":{"cron":"*/15 * * * *"}}', 1704069900000, 1);
INSERT INTO timer VALUES (9, 'main', 'bot', '{"function":"tell","arguments":"missed","spec":{"after":{"secs":300,"nanos":0}}}', 1704069300000, 0);
INSERT INTO timer VALUES (10, 'main', 'bot', '{"function":"tell","arguments":"late","spec":{"after":{"secs":10800,"nanos":0}}}', 1704079800000, 0);
INSERT INTO timer VALUES (11, 'main', 'bot', '{"function":"tell","arguments":"often","spec":{"every":{"secs":7200,"nanos":0}}}', 1704076200000, 0);
INSERT INTO state VALUES ('main', 'bot', '{"orders":{"count":41,"kinds":["tea","c",0.5,null]}}');
INSERT INTO cut VALUES (1, 1704069000000, 7, 12, 2, 2, 3, X'6E060000F41F020E046D61696E0F524543454956455F4D455353414745747B22636F6E74656E744D65746164617461223A7B7D2C1500F01054797065223A224E4F4E45222C2266726F6D223A227531222C226964223A220900FF2D74657874223A226F72646572222C2274696D657374616D70223A313730343036393030303030302C22746F223A22756D65227D80ADEBA698630100189300021F7293002A10328400029300307465610D000F9100178201100001100E01102B01F35703626F740A6F6E5F6D657373616765021C5350B77E725EA5D1EF433FF90B9D572C9D8633FAA65623E4DB047CA7C49AE080ADEBA698630104010361736B282F746D702F2E746D7076346F6E4E4C2F736372697074732F6C69622F73746570732E726861693A353600F10480CCB4A798630000000A00000573746174653252014073203D201001F302756E74223A34312C226B696E6473223A5BDE00EF63222C302E352C6E756C6C5D7D2375000532626F746F002231317000300C010433007F0100036E6F7700380010123238003901010DD601F10202010973746F72652E736574276C617374AF002D6174FD01063B020FA60011036E0022D102A7003203010A6600FF01696E63720B7365727665642062792037B900101233B900F12F1B0101370401056166746572507B2266756E6374696F6E223A2274656C6C222C22617267756D656E7473223A226D6973736564222C2273706563223A7B223700000900FF0673656373223A3330302C226E616E6F73223A307D7DD20011123487005F21010139058700154F6C6174658500073F31303887001F12358700DF010102313006010565766572790F010E576F6674656E8900013600060E012F373288001F12368800F303240102313107030853656E6454657874207B2604005904038304006704AF2E20576861743F227D28E202050F570303529803022F7BAB04107353000A9D04019804010200152C7700847D08020361736B0873000F71001C3FFE0303BF0460160942011F24420103BF322E20486F77206D616E7946011F2FEA02460118603A227531227D');
INSERT INTO cut VALUES (2, 1704069002000, 22, 24, 2, 2, 3, X'F3030000F41F022C046D61696E0F524543454956455F4D455353414745707B22636F6E74656E744D65746164617461223A7B7D2C1500F03354797065223A224E4F4E45222C2266726F6D223A227531222C226964223A2233222C2274657874223A2232222C2274696D657374616D70223A3137303430363930300200402C22746F3800EF6D65227DA0CCEBA698630101102E9000021F72900021007C0001900016349000306E61700D000F920017F325000002100E00010361736B282F746D702F2E746D7076346F6E4E4C2F736372697074732F6C69622F73746570732E726861693A35CD00FF0EA0EBB4A79863000000020A020361736B0C322E20486F77206D616E793F4D001C2F610393015ED30B030853656E6454657874207BAB0100E30103040200E8019F2E205768656E3F227DCE001C52D005022F7B2C02107353000A2202001C020202000422027231227D302E01301C02F32103626F740A6F6E5F6D657373616765021C5350B77E725EA5D1EF433FF90B9D572C9D8633FAA65623E4DB047CA7C49AE08E019F040105736C65657023C6010532626F74C001233234330042A0C0DAADC1017F0000036E6F77003C001012323C003502010DEC025632303030014D0114224D0100A002064D01CF476F6F64206E69676874227D680010123368002FA8034A0118603A227532227D');
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
