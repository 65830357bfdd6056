#include "cli/store/store_commands.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "cli/context.h"
#include "cli/store/store_view.h"
#include "lineage/audit/packet_chains.h"
#include "store/postgres/pool/pool_admin.h"

namespace phoenix::cli {

static_assert(kAdoptedEpochs == lineage::kAdoptedEpochs, "or what was adopted does not verify");

namespace {

struct StoreLine {
  std::string store;
  bool after_restore = false;
};

// The database that is meant; the text of its URL may hold a password and is never shown.
Outcome<PostgresOptions> database(const StoreLine& line) {
  PostgresOptions options;
  options.url = line.store;
  if (options.url.empty()) {
    const char* url = std::getenv("PHOENIX_STORE");
    if (url != nullptr) options.url = url;
  }
  if (options.url.empty()) {
    return tl::unexpected(wrong_use("no store is named", "",
                                    "--store postgresql://USER@HOST/DATABASE, or PHOENIX_STORE"));
  }
  if (!options.url.starts_with("postgresql://") && !options.url.starts_with("postgres://")) {
    return tl::unexpected(wrong_use("--store is no postgresql://… URL",
                                    "other stores belong to one host and need no care",
                                    "for example --store postgresql://phoenix@db1/phoenix"));
  }
  return options;
}

Failure failure(const std::string& what, const Error& error, const std::string& next) {
  Failure told;
  told.exit_code = error.kind == ErrorKind::kWrongState ? kExitConflict : kExitFailed;
  told.what = what;
  told.why = error.detail;
  told.next = next;
  return told;
}

void print(Context& context, Json document, const std::string& id, const std::string& sheet) {
  print_answer(context, std::move(document), id, context.out.quiet() ? "" : sheet);
}

constexpr std::string_view kLookAtServer = "mend it at the server, or name another: --store URL";

Outcome<int> init_store(Context& context, const StoreLine& line) {
  const auto options = database(line);
  if (!options) return tl::unexpected(options.error());
  const auto made = init_pool(*options);
  if (!made) {
    return tl::unexpected(
        failure("cannot make the store", made.error(), std::string(kLookAtServer)));
  }
  print(context, made_document(*made), made->facts.pool, made_sheet(*made, context.out.color()));
  return kExitDone;
}

Outcome<int> check_store(Context& context, const StoreLine& line) {
  const auto options = database(line);
  if (!options) return tl::unexpected(options.error());
  const auto check = check_pool(*options);
  if (!check) {
    return tl::unexpected(
        failure("the store cannot be used", check.error(), std::string(kLookAtServer)));
  }
  print(context, check_document(*check), check->pool, check_sheet(*check, context.out.color()));
  return check->problems.empty() ? kExitDone : kExitFailed;
}

Outcome<int> migrate_store(Context& context, const StoreLine& line) {
  const auto options = database(line);
  if (!options) return tl::unexpected(options.error());
  const auto done = migrate_pool(*options);
  if (!done) {
    return tl::unexpected(
        failure("cannot migrate the store", done.error(), "see what it has: phoenix store check"));
  }
  Json document = Json::object();
  document.set("before", Json::number(done->before.maximum))
      .set("after", Json::number(done->after.maximum))
      .set("minimum", Json::number(done->after.minimum));
  const bool changed = done->before.maximum != done->after.maximum;
  print(context, std::move(document), std::to_string(done->after.maximum),
        changed ? fmt::format("layout {} -> {}; programs from {} go on working",
                              done->before.maximum, done->after.maximum, done->after.minimum)
                : fmt::format("layout {} is this program's already", done->after.maximum));
  return kExitDone;
}

Outcome<int> adopt_store(Context& context, const StoreLine& line) {
  if (!line.after_restore) {
    return tl::unexpected(
        wrong_use("adopt needs --after-restore",
                  "it ends all that hosts hold in this store and raises every epoch",
                  "only for a database that was restored from a backup"));
  }
  const auto options = database(line);
  if (!options) return tl::unexpected(options.error());
  const auto adopted = adopt_restored(*options, [&](uint64_t packets) {
    if (packets % 10'000 == 0 && packets > 0)
      context.out.remark(fmt::format("{} packets", packets));
  });
  if (!adopted) {
    const bool beaten = adopted.error().kind == ErrorKind::kWrongState;
    return tl::unexpected(failure(
        "cannot adopt the store", adopted.error(),
        beaten ? "end all hosts, wait 10 s and try again" : "ask again: what was done stays done"));
  }
  Json document = Json::object();
  document.set("packets", Json::number(static_cast<int64_t>(adopted->packets)))
      .set("fencedHosts", Json::number(static_cast<int64_t>(adopted->fenced)))
      .set("epochsRaisedBy", Json::number(static_cast<int64_t>(kAdoptedEpochs)));
  print(context, std::move(document), std::to_string(adopted->packets),
        fmt::format("{} live packets are {} epochs further, {} hosts of the backup are fenced; "
                    "start hosts now",
                    adopted->packets, kAdoptedEpochs, adopted->fenced));
  return kExitDone;
}

Command store_command(const std::string& verb, const std::shared_ptr<StoreLine>& line,
                      Outcome<int> (*act)(Context&, const StoreLine&)) {
  Command command;
  command.path = "store " + verb;
  command.usage = "[--store URL]";
  command.example = "phoenix store " + verb + " --store postgresql://phoenix@db1/phoenix";
  command.flags.push_back(
      text_flag("--store", "URL", &line->store, "postgresql://USER@HOST/DATABASE (PHOENIX_STORE)"));
  command.run = [line, act](Context& context) { return finish(context, act(context, *line)); };
  return command;
}

}  // namespace

void add_store_commands(std::vector<Command>& table) {
  const auto line = std::make_shared<StoreLine>();
  Command init = store_command("init", line, init_store);
  init.summary = "make the store that the hosts of a pool share";
  init.detail =
      "Makes the schema and fixes the pool's names and keys, once; what stands already, stays.\n"
      "The first host does it too.";
  table.push_back(std::move(init));

  Command check = store_command("check", line, check_store);
  check.summary = "whether the store can be relied on, and who holds what";
  check.detail =
      "Says what an acknowledged write survives, and refuses settings that may lose one. Ends\n"
      "with 1 if anything is wrong.";
  table.push_back(std::move(check));

  Command migrate = store_command("migrate", line, migrate_store);
  migrate.summary = "bring the store's layout up to this program's";
  migrate.detail = "Only adds: hosts of the version before go on working beside the new ones.";
  table.push_back(std::move(migrate));

  Command adopt = store_command("adopt", line, adopt_store);
  adopt.summary = "make a restored backup fit for use";
  adopt.usage = "--after-restore [--store URL]";
  adopt.detail =
      "A backup does not know of the owners that were named after it was made. This raises the\n"
      "epoch of every live packet beyond them, so that whatever they still do is refused. End all\n"
      "hosts before, start them after.";
  adopt.example = "phoenix store adopt --after-restore --store postgresql://phoenix@db1/phoenix";
  adopt.flags.push_back(switch_flag("--after-restore", &line->after_restore,
                                    "yes: this database was restored from a backup"));
  table.push_back(std::move(adopt));
}

}  // namespace phoenix::cli
