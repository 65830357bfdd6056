#include "store/postgres/server_check.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace phoenix::postgres {
namespace {

constexpr int64_t kOldestServer = 130'000;

tl::unexpected<Error> unsafe(const std::string& setting, const std::string& value,
                             const std::string& loss, const std::string& remedy) {
  return fail(ErrorKind::kStoreUnreachable,
              "the server's " + setting + " is " + value + ": " + loss + "; set it to " + remedy);
}

std::string version_text(int64_t number) {
  return std::to_string(number / 10'000) + "." + std::to_string(number % 10'000);
}

std::string hexadecimal(uint64_t value) {
  char text[17];
  const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
  return {text, end};
}

}  // namespace

// What it finds of synchronous_commit stays so for this session, whatever is configured later.
const char* const kServerQuestion =
    "SELECT current_setting('server_version_num')::bigint, pg_is_in_recovery(),"
    " current_setting('fsync'), current_setting('full_page_writes'),"
    " set_config('synchronous_commit', current_setting('synchronous_commit'), false),"
    " current_setting('synchronous_standby_names'),"
    " pg_backend_pid(), (SELECT system_identifier FROM pg_control_system()),"
    " CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
    " ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint END";

ServerFacts server_facts(const Rows& row) {
  ServerFacts facts;
  if (row.size() != 1) return facts;
  facts.version = row.integer(0, 0);
  facts.standby = row.boolean(0, 1);
  facts.fsync = row.bytes(0, 2);
  facts.full_page_writes = row.bytes(0, 3);
  facts.synchronous_commit = row.bytes(0, 4);
  facts.synchronous_standby_names = row.bytes(0, 5);
  facts.backend_pid = row.integer(0, 6);
  facts.identity.system_id = static_cast<uint64_t>(row.integer(0, 7));
  facts.identity.timeline = static_cast<uint32_t>(row.integer(0, 8));
  return facts;
}

// 'ANY 2 (a, b, c)', 'FIRST 1 (a)', '2 (a, b)' or a plain list, which means one.
int standbys_of(const std::string& names) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  if (std::all_of(names.begin(), names.end(), blank)) return 0;
  const size_t list = names.find('(');
  if (list == std::string::npos) return 1;
  const size_t digit = names.find_first_of("0123456789");
  int count = 1;
  if (digit < list) std::from_chars(names.data() + digit, names.data() + list, count);
  return std::max(count, 1);
}

Result<ServerPromise> judge_server(const ServerFacts& facts, const EngineIdentity& minimum) {
  if (facts.version < kOldestServer) {
    return fail(ErrorKind::kStoreUnreachable, "the server is PostgreSQL " +
                                                  version_text(facts.version) +
                                                  "; 13 is the oldest that will do");
  }
  if (facts.standby) {
    return fail(ErrorKind::kStoreUnreachable,
                "the server is a standby; name the primary, or all of them, in the URL");
  }
  if (facts.fsync != "on") {
    return unsafe("fsync", facts.fsync, "a crash of its machine may lose or spoil everything",
                  "on");
  }
  if (facts.full_page_writes != "on") {
    return unsafe("full_page_writes", facts.full_page_writes,
                  "a crash of its machine may spoil pages", "on");
  }
  if (facts.synchronous_commit != "on" && facts.synchronous_commit != "remote_apply") {
    return unsafe("synchronous_commit", facts.synchronous_commit,
                  "what was acknowledged may be lost", "on");
  }
  const EngineIdentity& is = facts.identity;
  if (minimum.system_id != 0 && is.system_id != minimum.system_id) {
    return fail(ErrorKind::kStoreUnreachable,
                "this is another database than before (system " + hexadecimal(is.system_id) +
                    ", not " + hexadecimal(minimum.system_id) +
                    "); if it is a restored backup, see `phoenix store adopt`");
  }
  if (is.timeline < minimum.timeline) {
    return fail(ErrorKind::kStoreUnreachable,
                "this server is on timeline " + std::to_string(is.timeline) + ", the pool on " +
                    std::to_string(minimum.timeline) + ": it was deposed; name the new primary");
  }
  ServerPromise promise;
  promise.version = version_text(facts.version);
  promise.identity = is;
  const int copies = standbys_of(facts.synchronous_standby_names);
  promise.survives = copies == 0   ? "a crash of the database's machine, not its loss"
                     : copies == 1 ? "the loss of one machine"
                                   : "the loss of " + std::to_string(copies) + " machines";
  if (copies > 0) promise.survives += " (" + facts.synchronous_standby_names + ")";
  return promise;
}

}  // namespace phoenix::postgres
