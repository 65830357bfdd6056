#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/apps/app_file.h"
#include "cli/context.h"
#include "cli/policy/case_runs.h"
#include "cli/policy/policy_commands.h"
#include "cli/policy/recorded_past.h"
#include "cli/table.h"
#include "manifest/policies/policies.h"

namespace phoenix::cli {
namespace {

constexpr const char* kWhat = "cannot replay the policies";

// What the past has and is not asked about: nobody should take silence for agreement.
std::string passed_over(const RecordedPast& past) {
  std::string text;
  if (past.unknown > 0) {
    text += fmt::format("passed over: {} about members that neither the host nor the app knows\n",
                        past.unknown);
  }
  if (past.undecided > 0) {
    text += fmt::format(
        "passed over: {} refusals of which neither who asked nor the packet is known any more\n",
        past.undecided);
  }
  if (!past.is_whole) {
    text += "the record of refusals is an operator's to read: those of members are not counted\n";
  }
  return text;
}

Outcome<int> replay(Context& context, const AppFlags& flags) {
  const auto app = load_for(context, flags, kWhat);
  if (!app) return tl::unexpected(app.error());
  manifest::Findings told;  // by loading it
  const auto set = manifest::compile_policies(*app, &told);
  if (set == nullptr)
    return tl::unexpected(Failure{kExitFailed, kWhat, told.front().text(), "", ""});
  const auto past = recorded_past(context, *app, kWhat);
  if (!past) return tl::unexpected(past.error());
  const CaseReport report = run_cases(*set, past->cases);
  Json items = Json::array();
  Table table({{"AT"}, {"PACKET"}, {"MEMBER"}, {"EVENT"}, {"RECORDED"}, {"NOW"}, {"BY"}});
  std::string names;
  for (const CaseRun& run : report.runs) {
    if (run.wrong.empty()) continue;
    const std::string at(policy::point_name(run.asked->point));
    const std::string packet = run.asked->packet ? run.asked->packet->id : "";
    const std::string recorded(policy::verdict_name(run.asked->expect));
    const std::string now(policy::verdict_name(run.got.verdict));
    Json item = Json::object();
    item.set("at", Json::string(at)).set("packet", packet.empty() ? Json() : Json::string(packet));
    item.set("member", Json::string(run.asked->subject.id));
    item.set("event", Json::string(run.asked->test)).set("recorded", Json::string(recorded));
    item.set("decision", Json::string(now)).set("rule", Json::string(run.rule));
    items.push(item.set("reason", Json::string(run.got.reason)));
    table.add(
        {at, packet, run.asked->subject.id, run.asked->test, recorded, now, harmless(run.rule)});
    names += run.asked->name + "\n";
  }
  std::string text = table.empty() ? "" : table.render(context.out.wide(), context.out.color());
  text += fmt::format("{} of {} recorded decisions differ\n", report.failed(), report.runs.size());
  text += passed_over(*past);
  Json document = Json::object();
  document.set("decisions", Json::number(static_cast<int64_t>(report.runs.size())));
  document.set("unknown", Json::number(static_cast<int64_t>(past->unknown)));
  document.set("refusalsOfMembers",
               past->is_whole ? Json::number(static_cast<int64_t>(past->undecided)) : Json());
  document.set("items", std::move(items));
  print_answer(context, std::move(document), names, text);
  return report.failed() == 0 ? kExitDone : kExitFailed;
}

}  // namespace

void add_policy_replay(std::vector<Command>& table) {
  const auto flags = std::make_shared<AppFlags>();
  Command command;
  command.path = "policy replay";
  command.summary = "which recorded decisions a changed set of policies would have made otherwise";
  command.usage = "--with FILE";
  command.detail =
      "What the host still knows is put to the policies of an app: registrations, retirements,\n"
      "changes of owner, refusals, packets that a policy holds back now. Members are as they are\n"
      "now, those that the host has forgotten as the app declares them, and all as if they held\n"
      "nothing; who was refused to register, to change or to leave is as it asked; payloads as\n"
      "long as they are kept. What cannot be put to them is counted. Exits 1 if a decision "
      "differs.";
  command.example = "phoenix policy replay --with new/";
  add_app_flags(command.flags, flags.get());
  command.flags.front().name = "--with";
  command.flags.front().letter = 0;
  command.flags.front().required = true;
  command.flags.front().help = "the app with the changed policies: a PhoenixFile, or its folder";
  command.run = [flags](Context& context) { return finish(context, replay(context, *flags)); };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
