#include "cli/import/import_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/context.h"
#include "cli/import/importer.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

constexpr const char* kWhat = "cannot import";
constexpr size_t kRowsShown = 200;

struct ImportOptions {
  std::vector<std::string> words;
  bool dry_run = false;
  bool force = false;
};

Failure broken(const OriginalState& state) {
  const AuditFault& fault = *state.audit.fault;
  return {kExitUnverified, "the record is broken: nothing was imported",
          fmt::format("{}/audit.jsonl:{}: {}{}", state.folder, fault.line,
                      fault.event.empty() ? "" : harmless(fault.event) + " ", fault.what),
          "import what the other files say all the same: --force", ""};
}

size_t count_of(const std::vector<ImportRow>& rows, ImportRow::Verb verb) {
  return static_cast<size_t>(std::count_if(
      rows.begin(), rows.end(), [verb](const ImportRow& row) { return row.verb == verb; }));
}

std::string audit_line(const AuditChain& audit) {
  if (audit.entries == 0) return "Record: none";
  if (audit.fault) return fmt::format("Record: broken in line {}", audit.fault->line);
  std::string text = fmt::format("Record: {} entries, the chain is whole", audit.entries);
  if (audit.unchained > 0) text += fmt::format(" ({} of them have no hash)", audit.unchained);
  return audit.head.empty() ? text : text + ", its head is " + audit.head;
}

void print(Context& context, const OriginalState& state, const std::vector<ImportRow>& rows,
           bool dry_run) {
  if (context.out.format() == Format::kName) {
    for (const ImportRow& row : rows) {
      if (row.verb == ImportRow::Verb::kCreate) context.out.print_line(row.id);
    }
    return;
  }
  Json items = Json::array();
  Table table({{"CHANGE"}, {"KIND"}, {"ID"}, {"DETAIL"}});
  for (size_t at = 0; at < rows.size(); ++at) {
    const ImportRow& row = rows[at];
    const char* kind = row.member ? "member" : "packet";
    Json item = Json::object();
    item.set("change", Json::string(verb_name(row.verb))).set("kind", Json::string(kind));
    item.set("namespace", Json::string(row.ns)).set("id", Json::string(row.id));
    items.push(item.set("detail", Json::string(row.detail)));
    if (at < kRowsShown) {
      table.add({verb_name(row.verb), kind, harmless(row.id), harmless(row.detail)});
    }
  }
  std::string text = rows.empty() ? "" : table.render(context.out.wide(), context.out.color());
  if (rows.size() > kRowsShown) text += fmt::format("and {} more\n", rows.size() - kRowsShown);
  const size_t created = count_of(rows, ImportRow::Verb::kCreate);
  text += fmt::format(
      "{}\n{} {}, {} there already, {} left, {} refused\n", audit_line(state.audit), created,
      dry_run ? "to import" : "imported", count_of(rows, ImportRow::Verb::kKeep),
      count_of(rows, ImportRow::Verb::kLeave), count_of(rows, ImportRow::Verb::kRefuse));
  Json audit = Json::object();
  audit.set("entries", Json::number(static_cast<int64_t>(state.audit.entries)));
  audit.set("whole", Json::boolean(!state.audit.fault));
  audit.set("head", state.audit.head.empty() ? Json() : Json::string(state.audit.head));
  Json document = Json::object();
  document.set("audit", std::move(audit));
  document.set("imported", Json::number(static_cast<int64_t>(dry_run ? 0 : created)));
  document.set("items", std::move(items));
  print_answer(context, std::move(document), "", text);
}

Outcome<int> run_import(Context& context, const ImportOptions& options) {
  const auto state = read_original_state(options.words.front(), kWhat);
  if (!state) return tl::unexpected(state.error());
  if (state->audit.fault && !options.force) return tl::unexpected(broken(*state));
  AppHost host(context.globals, "", &context.out);
  Importer importer(host, *state);
  auto plan = importer.plan();
  if (!plan) return tl::unexpected(plan.error());
  if (!options.dry_run) {
    const auto done = importer.carry_out(*plan);
    if (!done) return done;
  }
  print(context, *state, *plan, options.dry_run);
  const size_t refused = count_of(*plan, ImportRow::Verb::kRefuse);
  if (refused == 0) return kExitDone;
  return tl::unexpected(Failure{kExitFailed, fmt::format("{} could not be imported", refused),
                                "what was imported stays", "mend it and import again", ""});
}

}  // namespace

void add_import(std::vector<Command>& table) {
  const auto options = std::make_shared<ImportOptions>();
  Command command;
  command.path = "import";
  command.summary = "bring the original's state to a host: members, packets, owners, checkpoints";
  command.usage = "FOLDER [--dry-run] [--force]";
  command.detail =
      "FOLDER is the original's .phoenixflight, which is read and left as it is. Its record is "
      "checked\n"
      "first: one that is broken is refused with the entry (exit 6). Members become such as are "
      "driven\n"
      "by hand; packets that are over stay behind. Done again it imports what is new.";
  command.example = "phoenix import ../old/.phoenixflight --dry-run";
  command.flags.push_back(
      switch_flag("--dry-run", &options->dry_run, "say what would be done, and do nothing"));
  command.flags.push_back(
      switch_flag("--force", &options->force, "import although the record is broken"));
  command.words_name = "FOLDER";
  command.words_min = command.words_max = 1;
  command.words = &options->words;
  command.run = [options](Context& context) {
    return finish(context, run_import(context, *options));
  };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
