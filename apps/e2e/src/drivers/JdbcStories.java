// The stories in JDBC: tells those named by the arguments and writes, for each, one line of JSON. The environment says how
// to connect. Run by jdbc.ts, without being compiled before.

import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.sql.Types;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.replication.LogSequenceNumber;
import org.postgresql.replication.PGReplicationStream;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLWarning;

public class JdbcStories {
  static final int LIMIT_MS = 20_000;
  static final Map<String, String> env = System.getenv();

  interface Story {
    void tell() throws Exception;
  }

  static final Map<String, Story> stories =
      Map.ofEntries(
          Map.entry("wakes", JdbcStories::wakes),
          Map.entry("namesEndpoint", JdbcStories::namesEndpoint),
          Map.entry("isRefused", JdbcStories::isRefused),
          Map.entry("setsParameters", JdbcStories::setsParameters),
          Map.entry("queries", JdbcStories::queries),
          Map.entry("prepares", JdbcStories::prepares),
          Map.entry("types", JdbcStories::types),
          Map.entry("transacts", JdbcStories::transacts),
          Map.entry("readsErrors", JdbcStories::readsErrors),
          Map.entry("hearsNotices", JdbcStories::hearsNotices),
          Map.entry("copiesIn", JdbcStories::copiesIn),
          Map.entry("copiesOut", JdbcStories::copiesOut),
          Map.entry("carriesLargeRows", JdbcStories::carriesLargeRows),
          Map.entry("fetches", JdbcStories::fetches),
          Map.entry("pipelines", JdbcStories::pipelines),
          Map.entry("listens", JdbcStories::listens),
          Map.entry("callsFunctions", JdbcStories::callsFunctions),
          Map.entry("cancels", JdbcStories::cancels),
          Map.entry("terminates", JdbcStories::terminates),
          Map.entry("replicates", JdbcStories::replicates));

  public static void main(String[] names) {
    for (String name : names) {
      String error = "";
      try {
        stories.get(name).tell();
      } catch (Throwable thrown) {
        StringWriter trace = new StringWriter();
        thrown.printStackTrace(new PrintWriter(trace));
        error = ", \"error\": \"" + escape(trace.toString()) + "\"";
      }
      System.out.println("{\"story\": \"" + name + "\"" + error + "}");
    }
    System.exit(0); // a story that failed may have left a thread behind
  }

  /** For a string in JSON. */
  static String escape(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", "  ").replace("\n", "\\n");
  }

  static Connection connect(String... more) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", env.get("PGUSER"));
    properties.setProperty("password", env.get("PGPASSWORD"));
    properties.setProperty("sslmode", env.get("PGSSLMODE"));
    properties.setProperty("sslrootcert", env.get("PGSSLROOTCERT"));
    properties.setProperty("options", env.get("PGOPTIONS"));
    String host = env.get("PGHOST");
    String database = env.get("PGDATABASE");
    for (int at = 0; at < more.length; at += 2) {
      switch (more[at]) {
        case "host" -> host = more[at + 1];
        case "database" -> database = more[at + 1];
        default -> properties.setProperty(more[at], more[at + 1]);
      }
    }
    return DriverManager.getConnection("jdbc:postgresql://" + host + ":" + env.get("PGPORT") + "/" + database, properties);
  }

  static <T> T valueOf(Connection connection, String sql, Class<T> type, Object... values) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int at = 0; at < values.length; at += 1) statement.setObject(at + 1, values[at]);
      ResultSet rows = statement.executeQuery();
      rows.next();
      return rows.getObject(1, type);
    }
  }

  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  static void equal(Object actual, Object expected) {
    if (Objects.deepEquals(actual, expected)) return;
    throw new AssertionError("expected " + brief(expected) + ", got " + brief(actual));
  }

  static String brief(Object value) {
    String text = String.valueOf(value);
    return text.substring(0, Math.min(300, text.length()));
  }

  static SQLException failure(Callable<?> run) throws Exception {
    try {
      run.call();
    } catch (SQLException error) {
      return error;
    }
    throw new AssertionError("it did not fail");
  }

  static <T> CompletableFuture<T> inThread(Callable<T> run) {
    CompletableFuture<T> outcome = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                outcome.complete(run.call());
              } catch (Throwable error) {
                outcome.completeExceptionally(error);
              }
            });
    thread.setDaemon(true);
    thread.start();
    return outcome;
  }

  static void until(Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LIMIT_MS);
    while (!condition.call()) {
      if (System.nanoTime() > deadline) throw new AssertionError("not in time");
      Thread.sleep(5);
    }
  }

  /** Until the query of each of them sleeps, or waits for a lock. */
  static void untilWaiting(Connection... connections) throws Exception {
    Integer[] pids = new Integer[connections.length];
    for (int at = 0; at < pids.length; at += 1) pids[at] = pidOf(connections[at]);
    try (Connection watcher = connect()) {
      String sql =
          "select count(*) from pg_stat_activity where pid = any(?) and wait_event in ('PgSleep', 'advisory')";
      Object array = watcher.createArrayOf("int", pids);
      until(() -> valueOf(watcher, sql, Long.class, array) == pids.length);
    }
  }

  static int pidOf(Connection connection) throws SQLException {
    return connection.unwrap(PGConnection.class).getBackendPID();
  }

  static String md5(String text) throws Exception {
    byte[] hash = MessageDigest.getInstance("MD5").digest(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(hash);
  }

  static String copyLines() throws Exception {
    StringBuilder lines = new StringBuilder();
    for (int n = 1; n <= 100_000; n += 1) lines.append(n).append('\t').append(md5(String.valueOf(n))).append('\n');
    return lines.toString();
  }

  static void wakes() throws Exception {
    try (Connection connection = connect()) {
      equal(valueOf(connection, "select 40 + ?", Integer.class, 2), 42);
    }
  }

  static void namesEndpoint() throws Exception {
    String endpoint = reached();
    equal(reached("options", "endpoint=" + endpoint), endpoint);
    if (env.get("PGSSLMODE").equals("disable")) return;
    equal(reached("host", "localhost", "options", "endpoint=" + endpoint), endpoint);
    equal(reached("host", "localhost", "password", "endpoint=" + endpoint + ";" + env.get("PGPASSWORD")), endpoint);
  }

  static String reached(String... more) throws SQLException {
    try (Connection connection = connect(more)) {
      return valueOf(connection, "show cluster_name", String.class).split("/")[1];
    }
  }

  static void isRefused() throws Exception {
    SQLException wrong = failure(() -> connect("password", "wrong"));
    equal(wrong.getSQLState(), "28P01");
    equal(wrong.getMessage(), "FATAL: password authentication failed for user \"app\"");
    SQLException nowhere = failure(() -> connect("database", "nowhere"));
    equal(nowhere.getSQLState(), "3D000");
    equal(nowhere.getMessage(), "FATAL: database \"nowhere\" does not exist");
  }

  static void setsParameters() throws Exception {
    String options = env.get("PGOPTIONS") + " -c statement_timeout=54321";
    try (Connection connection = connect("options", options, "ApplicationName", "a story")) {
      equal(valueOf(connection, "show statement_timeout", String.class), "54321ms");
      equal(valueOf(connection, "show application_name", String.class), "a story");
      connection.setClientInfo("ApplicationName", "another one");
      equal(connection.unwrap(PGConnection.class).getParameterStatus("application_name"), "another one");
    }
  }

  static void queries() throws Exception {
    try (Connection connection = connect("preferQueryMode", "simple");
        Statement statement = connection.createStatement()) {
      equal(statement.execute("select 1; select 2, 3; select 4 where false"), true);
      equal(statement.getMoreResults(), true);
      statement.getResultSet().next();
      equal(statement.getResultSet().getInt(2), 3);
      equal(statement.getMoreResults(), true);
      equal(statement.getResultSet().next(), false);
      equal(statement.getMoreResults(), false);
    }
  }

  static void prepares() throws Exception {
    try (Connection connection = connect("prepareThreshold", "1");
        PreparedStatement doubled = connection.prepareStatement("select ?::int * 2")) {
      for (int n = 0; n < 20; n += 1) {
        doubled.setInt(1, n);
        ResultSet rows = doubled.executeQuery();
        rows.next();
        equal(rows.getInt(1), 2 * n);
      }
      String kept = "select count(*) from pg_prepared_statements where statement like '%::int * 2'";
      equal(valueOf(connection, kept, Long.class), 1L);
    }
  }

  static void types() throws Exception {
    try (Connection connection = connect("binaryTransfer", "true", "prepareThreshold", "-1")) {
      equal(valueOf(connection, "select ?::int", Integer.class, Integer.MIN_VALUE), Integer.MIN_VALUE);
      equal(valueOf(connection, "select ?::bigint", Long.class, Long.MAX_VALUE), Long.MAX_VALUE);
      BigDecimal large = new BigDecimal("12345678901234567890.000000001");
      equal(valueOf(connection, "select ?::numeric", BigDecimal.class, large), large);
      equal(valueOf(connection, "select ?::float8", Double.class, 0.1), 0.1);
      equal(valueOf(connection, "select ?::boolean", Boolean.class, true), true);
      String text = "Zażółć gęślą jaźń 🐘 \\ ' \"";
      equal(valueOf(connection, "select ?::text", String.class, text), text);
      byte[] everyByte = new byte[256];
      for (int at = 0; at < 256; at += 1) everyByte[at] = (byte) at;
      try (PreparedStatement statement = connection.prepareStatement("select ?::bytea, ?::int[], ?::text")) {
        statement.setBytes(1, everyByte);
        statement.setArray(2, connection.createArrayOf("int", new Integer[] {1, 2, null}));
        statement.setNull(3, Types.VARCHAR);
        ResultSet rows = statement.executeQuery();
        rows.next();
        equal(rows.getBytes(1), everyByte);
        equal(rows.getArray(2).getArray(), new Integer[] {1, 2, null});
        equal(rows.getString(3), null);
      }
    }
  }

  static void transacts() throws Exception {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false);
      execute(connection, "create temp table kept (n int)");
      execute(connection, "insert into kept values (1)");
      connection.commit();
      execute(connection, "insert into kept values (2)");
      connection.rollback();
      equal(failure(() -> valueOf(connection, "select 1 / 0", Integer.class)).getSQLState(), "22012");
      equal(failure(() -> valueOf(connection, "select 1", Integer.class)).getSQLState(), "25P02");
      connection.rollback();
      equal(valueOf(connection, "select string_agg(n::text, ',') from kept", String.class), "1");
    }
  }

  static void readsErrors() throws Exception {
    try (Connection connection = connect()) {
      execute(connection, "create temp table only_once (n int constraint just_one unique)");
      execute(connection, "insert into only_once values (1)");
      PSQLException twice =
          (PSQLException) failure(() -> connection.createStatement().execute("insert into only_once values (1)"));
      equal(twice.getSQLState(), "23505");
      equal(twice.getServerErrorMessage().getDetail(), "Key (n)=(1) already exists.");
      equal(twice.getServerErrorMessage().getTable(), "only_once");
      equal(twice.getServerErrorMessage().getConstraint(), "just_one");
      equal(twice.getServerErrorMessage().getRoutine(), "_bt_check_unique");
      PSQLException typo = (PSQLException) failure(() -> valueOf(connection, "select frm nowhere", String.class));
      equal(typo.getServerErrorMessage().getPosition(), 8);
    }
  }

  static void hearsNotices() throws Exception {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute("do $$ begin raise notice 'first'; raise warning 'second' using hint = 'a hint'; end $$");
      SQLWarning first = statement.getWarnings();
      equal(first.getMessage(), "first");
      equal(first.getNextWarning().getMessage(), "second");
      equal(((PSQLWarning) first.getNextWarning()).getServerErrorMessage().getHint(), "a hint");
    }
  }

  static void copiesIn() throws Exception {
    try (Connection connection = connect()) {
      String lines = copyLines();
      execute(connection, "create temp table copied (n int, word text)");
      CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
      equal(copy.copyIn("copy copied from stdin", new StringReader(lines)), 100_000L);
      String hash = "select md5(string_agg(format(E'%s\\t%s\\n', n, word), '' order by n)) from copied";
      equal(valueOf(connection, hash, String.class), md5(lines));
    }
  }

  static void copiesOut() throws Exception {
    try (Connection connection = connect()) {
      StringWriter received = new StringWriter();
      CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
      copy.copyOut("copy (select n, md5(n::text) from generate_series(1, 100000) n) to stdout", received);
      equal(md5(received.toString()), md5(copyLines()));
    }
  }

  static void carriesLargeRows() throws Exception {
    try (Connection connection = connect()) {
      String large = "x".repeat(8_000_000);
      equal(valueOf(connection, "select repeat('x', 8000000)", String.class), large);
      equal(valueOf(connection, "select md5(?)", String.class, large), md5(large));
    }
  }

  static void fetches() throws Exception {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false); // otherwise it reads everything at once
      try (Statement statement = connection.createStatement()) {
        statement.setFetchSize(1_000);
        ResultSet rows = statement.executeQuery("select n from generate_series(1, 2500) n");
        for (int n = 1; n <= 2_500; n += 1) {
          rows.next();
          equal(rows.getInt(1), n);
        }
        equal(rows.next(), false);
      }
    }
  }

  static void pipelines() throws Exception {
    try (Connection connection = connect()) {
      execute(connection, "create temp table numbers (n int)");
      try (PreparedStatement insert = connection.prepareStatement("insert into numbers values (?)")) {
        for (int n = 1; n <= 1_000; n += 1) {
          insert.setInt(1, n);
          insert.addBatch();
        }
        int[] counts = insert.executeBatch();
        equal(Arrays.stream(counts).sum(), 1_000);
      }
      equal(valueOf(connection, "select sum(n) from numbers", Long.class), 500_500L);
    }
  }

  static void listens() throws Exception {
    try (Connection listener = connect();
        Connection speaker = connect()) {
      execute(listener, "listen news");
      String payload = "n".repeat(7_000);
      valueOf(speaker, "select pg_notify('news', ?)::text", String.class, payload);
      PGNotification[] heard = listener.unwrap(PGConnection.class).getNotifications(LIMIT_MS);
      equal(heard.length, 1);
      equal(heard[0].getName(), "news");
      equal(heard[0].getParameter(), payload);
      equal(heard[0].getPID(), pidOf(speaker));
    }
  }

  /** The driver does not use SQL for large objects, but the function calls of the protocol. */
  static void callsFunctions() throws Exception {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false);
      byte[] content = copyLines().getBytes(StandardCharsets.UTF_8);
      LargeObjectManager manager = connection.unwrap(PGConnection.class).getLargeObjectAPI();
      long oid = manager.createLO();
      LargeObject large = manager.open(oid, LargeObjectManager.READWRITE);
      large.write(content);
      large.seek(0);
      equal(large.read(content.length), content);
      equal(large.size(), content.length);
      large.close();
      manager.delete(oid);
      equal(failure(() -> manager.open(oid)).getSQLState(), "42704");
      connection.rollback();
    }
  }

  static void cancels() throws Exception {
    try (Connection victim = connect();
        Connection bystander = connect();
        Statement statement = victim.createStatement()) {
      execute(victim, "select pg_advisory_lock(1)");
      CompletableFuture<SQLException> cancelled =
          inThread(() -> failure(() -> statement.executeQuery("select pg_sleep(60)")));
      CompletableFuture<String> untouched =
          inThread(() -> valueOf(bystander, "select 'a bystander', pg_advisory_lock(1)", String.class));
      untilWaiting(victim, bystander);
      statement.cancel();
      equal(cancelled.get(LIMIT_MS, TimeUnit.MILLISECONDS).getSQLState(), "57014");
      equal(valueOf(victim, "select pg_advisory_unlock(1)", Boolean.class), true);
      equal(untouched.get(LIMIT_MS, TimeUnit.MILLISECONDS), "a bystander");
    }
  }

  static void terminates() throws Exception {
    try (Connection doomed = connect();
        Connection other = connect()) {
      int pid = pidOf(doomed);
      equal(valueOf(doomed, "select pg_backend_pid()", Integer.class), pid);
      CompletableFuture<SQLException> told =
          inThread(() -> failure(() -> valueOf(doomed, "select pg_sleep(60)::text", String.class)));
      untilWaiting(doomed);
      equal(valueOf(other, "select pg_terminate_backend(?)", Boolean.class, pid), true);
      equal(told.get(LIMIT_MS, TimeUnit.MILLISECONDS).getSQLState(), "57P01");
    }
  }

  /** WAL as it is written, over CopyBoth, until it holds what a session writes now. */
  static void replicates() throws Exception {
    String[] walking = {"replication", "true", "preferQueryMode", "simple", "assumeMinServerVersion", "9.4"};
    try (Connection walker = connect(walking);
        Connection writer = connect()) {
      String position = valueOf(writer, "select pg_current_wal_flush_lsn()::text", String.class);
      PGReplicationStream stream =
          walker
              .unwrap(PGConnection.class)
              .getReplicationAPI()
              .replicationStream()
              .physical()
              .withStartPosition(LogSequenceNumber.valueOf(position))
              .start();
      String marker = "written while somebody replicates";
      valueOf(writer, "select pg_logical_emit_message(true, 'story', ?)::text", String.class, marker);
      ByteArrayOutputStream wal = new ByteArrayOutputStream();
      until(
          () -> {
            ByteBuffer piece = stream.readPending();
            if (piece != null) wal.write(piece.array(), piece.arrayOffset(), piece.remaining());
            return wal.toString(StandardCharsets.ISO_8859_1).contains(marker);
          });
      stream.close();
    }
  }
}
