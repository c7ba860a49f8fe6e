"""The stories in psycopg2: tells those named by the arguments and writes, for each, one line of JSON. The environment says
how to connect. Run by psycopg2.ts."""

import hashlib
import io
import json
import os
import select
import sys
import threading
import time
import traceback

import psycopg2
import psycopg2.errorcodes
import psycopg2.extensions
import psycopg2.extras

LIMIT_S = 20


def connect(**more):
    return psycopg2.connect("", **more)


def value_of(connection, sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r:.300}, got {actual!r:.300}")


def failure(run):
    """The error with which it fails."""
    try:
        run()
    except psycopg2.Error as error:
        return error
    raise AssertionError("it did not fail")


def until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not in time")
        time.sleep(0.005)


def in_thread(run):
    """Starts it; gives a function that waits for its answer, or raises its error."""
    outcome = {}

    def body():
        try:
            outcome["answer"] = run()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    def wait():
        thread.join(LIMIT_S)
        if thread.is_alive():
            raise AssertionError("not in time")
        if "error" in outcome:
            raise outcome["error"]
        return outcome["answer"]

    return wait


def copy_lines():
    return "".join(f"{n}\t{hashlib.md5(str(n).encode()).hexdigest()}\n" for n in range(1, 100_001))


def wakes():
    with connect() as connection:
        equal(value_of(connection, "select 40 + %s", 2), 42)


def names_endpoint():
    with connect() as connection:
        endpoint = value_of(connection, "show cluster_name").split("/")[1]

    def reaches(**more):
        with connect(**more) as connection:
            equal(value_of(connection, "show cluster_name").split("/")[1], endpoint)

    reaches(options=f"endpoint={endpoint}")
    if os.environ["PGSSLMODE"] == "disable":
        return
    reaches(host="localhost", options=f"endpoint={endpoint}")
    reaches(host="localhost", password=f"endpoint={endpoint};{os.environ['PGPASSWORD']}")


def is_refused():
    # psycopg2 gives no code for a connection that failed.
    refused = str(failure(lambda: connect(password="wrong")))
    assert 'password authentication failed for user "app"' in refused, refused
    refused = str(failure(lambda: connect(dbname="nowhere")))
    assert 'database "nowhere" does not exist' in refused, refused


def sets_parameters():
    options = os.environ["PGOPTIONS"] + " -c statement_timeout=54321"
    connection = connect(options=options, application_name="a story")
    equal(value_of(connection, "show statement_timeout"), "54321ms")
    equal(value_of(connection, "show application_name"), "a story")
    connection.set_client_encoding("LATIN1")
    equal(connection.encoding, "LATIN1")
    equal(connection.get_parameter_status("client_encoding"), "LATIN1")
    connection.close()


def queries():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select 1; select 2, 3")
        equal(cursor.fetchall(), [(2, 3)])
        cursor.execute("select 4 where false")
        equal(cursor.fetchall(), [])


def prepares():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("prepare doubled as select $1::int * 2")
        for n in range(20):
            cursor.execute("execute doubled (%s)", (n,))
            equal(cursor.fetchone(), (2 * n,))


def types():
    values = {
        "int": -(2**31),
        "bigint": 2**63 - 1,
        "float8": 0.1,
        "boolean": True,
        "text": "Zażółć gęślą jaźń 🐘 \\ ' \"",
        "int[]": [1, 2, None],
        "date": psycopg2.Date(2024, 2, 29).adapted,
    }
    with connect() as connection:
        for type_name, value in values.items():
            equal(value_of(connection, f"select cast(%s as {type_name})", value), value)
        every_byte = bytes(range(256))
        equal(bytes(value_of(connection, "select %s::bytea", every_byte)), every_byte)
        equal(value_of(connection, "select %s::jsonb", psycopg2.extras.Json({"a": [None]})), {"a": [None]})
        equal(value_of(connection, "select %s::text", None), None)


def transacts():
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("create temp table kept (n int)")
        cursor.execute("insert into kept values (1)")
        connection.commit()
        cursor.execute("insert into kept values (2)")
        connection.rollback()
        equal(failure(lambda: cursor.execute("select 1 / 0")).pgcode, "22012")
        equal(connection.info.transaction_status, psycopg2.extensions.TRANSACTION_STATUS_INERROR)
        equal(failure(lambda: cursor.execute("select 1")).pgcode, "25P02")
        connection.rollback()
        cursor.execute("select n from kept")
        equal(cursor.fetchall(), [(1,)])
    connection.close()


def reads_errors():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("create temp table only_once (n int constraint just_one unique)")
        cursor.execute("insert into only_once values (1)")
        fields = failure(lambda: cursor.execute("insert into only_once values (1)")).diag
        equal(fields.severity, "ERROR")
        equal(fields.sqlstate, "23505")
        equal(fields.message_detail, "Key (n)=(1) already exists.")
        equal((fields.table_name, fields.constraint_name), ("only_once", "just_one"))
        equal(fields.source_function, "_bt_check_unique")
        connection.rollback()
        equal(failure(lambda: cursor.execute("select frm nowhere")).diag.statement_position, "8")
        connection.rollback()


def hears_notices():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("do $$ begin raise notice 'first'; raise warning 'second' using hint = 'a hint'; end $$")
        equal(connection.notices, ["NOTICE:  first\n", "WARNING:  second\nHINT:  a hint\n"])


def copies_in():
    lines = copy_lines()
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("create temp table copied (n int, word text)")
        cursor.copy_expert("copy copied from stdin", io.StringIO(lines))
        cursor.execute("select md5(string_agg(format(E'%s\\t%s\\n', n, word), '' order by n)) from copied")
        equal(cursor.fetchone()[0], hashlib.md5(lines.encode()).hexdigest())


def copies_out():
    received = io.StringIO()
    with connect() as connection, connection.cursor() as cursor:
        cursor.copy_expert("copy (select n, md5(n::text) from generate_series(1, 100000) n) to stdout", received)
    equal(received.getvalue() == copy_lines(), True)


def carries_large_rows():
    large = "x" * 8_000_000
    with connect() as connection:
        equal(value_of(connection, "select repeat('x', 8000000)"), large)
        equal(value_of(connection, "select md5(%s)", large), hashlib.md5(large.encode()).hexdigest())


def fetches():
    with connect() as connection, connection.cursor("in_portions") as cursor:
        cursor.itersize = 1000
        cursor.execute("select n from generate_series(1, 2500) n")
        equal([n for (n,) in cursor], list(range(1, 2501)))


def listens():
    listener, speaker = connect(), connect()
    listener.autocommit = speaker.autocommit = True
    listener.cursor().execute("listen news")
    payload = "n" * 7000
    speaker.cursor().execute("select pg_notify('news', %s)", (payload,))

    def heard():
        select.select([listener], [], [], LIMIT_S)
        listener.poll()
        return listener.notifies

    until(heard)
    [message] = listener.notifies
    equal((message.channel, message.payload, message.pid), ("news", payload, speaker.info.backend_pid))


def calls_functions():
    # libpq's functions for large objects are function calls of the protocol, not SQL.
    content = copy_lines()
    with connect() as connection:
        large = connection.lobject(0, "wb")
        large.write(content.encode())
        large.close()
        again = connection.lobject(large.oid, "rb")
        equal(again.read() == content.encode(), True)
        equal(again.seek(10), 10)
        again.unlink()
        equal(failure(lambda: connection.lobject(large.oid, "rb")).pgcode, None)
        connection.rollback()


def until_waiting(*connections):
    """Until the query of each of them sleeps, or waits for a lock."""
    waiting = "select count(*) from pg_stat_activity where pid = any(%s) and wait_event in ('PgSleep', 'advisory')"
    pids = [connection.info.backend_pid for connection in connections]
    with connect() as watcher:
        watcher.autocommit = True
        until(lambda: value_of(watcher, waiting, pids) == len(pids))


def cancels():
    victim, bystander = connect(), connect()
    value_of(victim, "select pg_advisory_lock(1)")
    cancelled = in_thread(lambda: failure(lambda: value_of(victim, "select pg_sleep(60)")))
    untouched = in_thread(lambda: value_of(bystander, "select 'a bystander', pg_advisory_lock(1)"))
    until_waiting(victim, bystander)
    victim.cancel()
    equal(cancelled().pgcode, psycopg2.errorcodes.QUERY_CANCELED)
    victim.rollback()
    equal(value_of(victim, "select pg_advisory_unlock(1)"), True)
    equal(untouched(), "a bystander")


def terminates():
    doomed, other = connect(), connect()
    pid = doomed.info.backend_pid
    equal(value_of(doomed, "select pg_backend_pid()"), pid)
    told = in_thread(lambda: failure(lambda: value_of(doomed, "select pg_sleep(60)")))
    until_waiting(doomed)
    equal(value_of(other, "select pg_terminate_backend(%s)", pid), True)
    # It says no more about the end of a session, with a gateway or without.
    assert isinstance(told(), psycopg2.OperationalError)
    equal(doomed.closed, 2)


def replicates():
    # WAL as it is written, over CopyBoth: from here on, until the log holds what a session writes now.
    walker = connect(connection_factory=psycopg2.extras.PhysicalReplicationConnection)
    cursor = walker.cursor()
    cursor.execute("IDENTIFY_SYSTEM")
    position = cursor.fetchone()[2]
    cursor.start_replication(start_lsn=position)
    marker = b"written while somebody replicates"
    with connect() as writer:
        writer.cursor().execute("select pg_logical_emit_message(true, 'story', %s)", (marker.decode(),))
    wal = bytearray()

    def found():
        message = cursor.read_message()
        if message is None:
            select.select([cursor], [], [], 0.1)
        else:
            wal.extend(message.payload)
            cursor.send_feedback(flush_lsn=message.wal_end, reply=True)
        return marker in wal

    until(found)
    walker.close()
    by_database = connect(connection_factory=psycopg2.extras.LogicalReplicationConnection)
    cursor = by_database.cursor()
    cursor.execute("IDENTIFY_SYSTEM")
    equal(cursor.fetchone()[3], "app")
    by_database.close()


def tell(story):
    function = globals()["".join("_" + c.lower() if c.isupper() else c for c in story)]
    try:
        function()
    except BaseException:
        return {"story": story, "error": traceback.format_exc()}
    return {"story": story}


for name in sys.argv[1:]:
    print(json.dumps(tell(name)), flush=True)
