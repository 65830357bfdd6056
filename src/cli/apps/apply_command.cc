#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/apps/app_commands.h"
#include "cli/apps/app_documents.h"
#include "cli/apps/app_file.h"
#include "cli/apps/app_plan.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

enum class ApplyVerb : uint8_t { kApply, kDiff, kDelete };

struct ApplyLine {
  AppFlags app;
  bool prune = false;
  bool dry_run = false;
};

constexpr size_t kRowsShown = 200;

void print_plan(Context& context, const std::vector<Change>& plan) {
  Json items = Json::array();
  Table table({{"CHANGE"}, {"KIND"}, {"ID"}, {"DETAIL"}});
  size_t rows = 0;
  for (const Change& change : plan) {
    const char* kind = change.document != nullptr ? change.document
                       : change.member            ? "member"
                                                  : "packet";
    Json item = Json::object();
    item.set("change", Json::string(verb_name(change.verb))).set("kind", Json::string(kind));
    item.set("namespace", Json::string(change.ns)).set("id", Json::string(change.id));
    item.set("detail", Json::string(change.detail));
    items.push(std::move(item));
    if (++rows <= kRowsShown) {
      table.add({verb_name(change.verb), kind, change.id, harmless(change.detail)});
    }
  }
  std::string text = plan.empty() ? "" : table.render(context.out.wide(), context.out.color());
  if (rows > kRowsShown) text += fmt::format("and {} more\n", rows - kRowsShown);
  if (context.out.format() == Format::kName) {
    for (const Change& change : plan) context.out.print_line(change.id);
    return;
  }
  Json document = Json::object();
  document.set("changes", Json::number(static_cast<int64_t>(count_changes(plan))));
  document.set("items", std::move(items));
  print_answer(context, std::move(document), "", text);
}

Outcome<int> apply(Context& context, const ApplyLine& line, ApplyVerb verb) {
  const char* what = verb == ApplyVerb::kDelete ? "cannot delete the app"
                     : verb == ApplyVerb::kDiff ? "cannot compare the app"
                                                : "cannot apply the app";
  const auto app = load_for(context, line.app, what);
  if (!app) return tl::unexpected(app.error());
  if (!app->declared) {
    return tl::unexpected(
        wrong_use(fmt::format("{}: {} declares no PhoenixApp", what, line.app.file),
                  "the app's name is what its members and packets are found by"));
  }
  AppHost host(context.globals, "", &context.out);
  DocumentOptions rules = {line.prune, verb == ApplyVerb::kDelete, true};
  const auto documents = apply_documents(host, *app, what, rules);
  if (!documents) return tl::unexpected(documents.error());
  auto plan = plan_app(host, *app, {line.prune, verb == ApplyVerb::kDelete});
  if (!plan) return tl::unexpected(plan.error());
  plan->insert(plan->begin(), documents->begin(), documents->end());
  const size_t total = count_changes(*plan);
  print_plan(context, *plan);
  if (verb == ApplyVerb::kDiff) return total == 0 ? kExitDone : kExitFailed;
  if (line.dry_run) return kExitDone;
  rules.dry_run = false;
  if (!documents->empty()) {
    const auto laid = apply_documents(host, *app, what, rules);
    if (!laid) return tl::unexpected(laid.error());
  }
  const auto failures = carry_out(host, *app, *plan, [&](size_t done) {
    if (context.out.live()) fmt::print(stderr, "\r{} of {} done\x1b[K", done, total);
  });
  if (context.out.live() && total > 0) fmt::print(stderr, "\r\x1b[K");
  if (!failures) return tl::unexpected(failures.error());
  if (!failures->empty()) {
    return tl::unexpected(Failure{kExitFailed,
                                  fmt::format("{}: {} of {} changes failed", what, failures->size(),
                                              std::max(total, failures->size())),
                                  fmt::format("{}", fmt::join(*failures, "\n")),
                                  "what was done stays; apply again", ""});
  }
  if (context.out.for_people()) {
    context.out.print_line(total == 0 ? "nothing to do" : fmt::format("{} changes done", total));
  }
  return kExitDone;
}

Command app_command(const std::string& path, const std::shared_ptr<ApplyLine>& line,
                    ApplyVerb verb) {
  Command command;
  command.path = path;
  command.usage = "-f FILE";
  add_app_flags(command.flags, &line->app);
  if (verb != ApplyVerb::kDelete) {
    command.flags.push_back(switch_flag(
        "--prune", &line->prune, "retire and cancel what the app does not declare any more"));
  }
  if (verb != ApplyVerb::kDiff) {
    command.flags.push_back(
        switch_flag("--dry-run", &line->dry_run, "say what would be done, and do nothing"));
  }
  command.run = [line, verb](Context& context) {
    return finish(context, apply(context, *line, verb));
  };
  return command;
}

}  // namespace

void add_app_apply(std::vector<Command>& table) {
  Command apply_it = app_command("apply", std::make_shared<ApplyLine>(), ApplyVerb::kApply);
  apply_it.summary = "make a host's members and packets what an app declares";
  apply_it.detail =
      "Found again by the label phoenixflight.io/app. Doing it twice changes nothing; broken off,\n"
      "it is gone on with. Agents without a command become members that are driven by hand; the\n"
      "processes of the others are started by `phoenix run`. A packet that exists is not changed.";
  apply_it.example = "phoenix apply -f shop/PhoenixFile --prune --dry-run";
  table.push_back(std::move(apply_it));
  Command diff = app_command("diff", std::make_shared<ApplyLine>(), ApplyVerb::kDiff);
  diff.summary = "what `apply` would change; exit 1 if that is anything";
  diff.example = "phoenix diff -f shop/PhoenixFile";
  table.push_back(std::move(diff));
  Command remove = app_command("delete", std::make_shared<ApplyLine>(), ApplyVerb::kDelete);
  remove.summary = "cancel the packets of an app, and retire its members";
  remove.example = "phoenix delete -f shop/PhoenixFile";
  table.push_back(std::move(remove));
}

}  // namespace phoenix::cli
