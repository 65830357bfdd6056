#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli/apps/app_file.h"
#include "cli/context.h"
#include "cli/policy/case_runs.h"
#include "cli/policy/policy_commands.h"
#include "cli/table.h"
#include "lineage/crypto/sha256.h"
#include "manifest/policies/policies.h"
#include "policy/rules/source_json.h"

namespace phoenix::cli {
namespace {

constexpr size_t kClip = 60;

// An app and its policies, compiled.
struct AppPolicies {
  manifest::App app;
  std::shared_ptr<const policy::PolicySet> set;
};

Outcome<AppPolicies> load(Context& context, const AppFlags& flags, const char* what) {
  auto app = load_for(context, flags, what);
  if (!app) return tl::unexpected(app.error());
  manifest::Findings told;  // by loading it
  auto set = manifest::compile_policies(*app, &told);
  if (set == nullptr)
    return tl::unexpected(Failure{kExitFailed, what, told.front().text(), "", ""});
  return AppPolicies{std::move(*app), std::move(set)};
}

Json place_document(Json document, const policy::Place& place) {
  document.set("file", Json::string(place.file));
  document.set("line", Json::number(place.line));
  return document;
}

std::string clipped(const std::string& text) {
  std::string line = harmless(text);
  if (line.size() <= kClip) return line;
  size_t end = kClip;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "…";
}

std::string place_or_none(const policy::Place& place) {
  return place.line == 0 ? "" : policy::place_text(place);
}

// One row of what a point asks.
struct Row {
  policy::Point point;
  std::string policy;
  std::string rule;
  policy::Verdict verdict;
  std::string condition;
  policy::Place place;
};

std::vector<Row> rows_of(const policy::PolicySet& set) {
  std::vector<Row> rows;
  for (int index = 0; index < policy::kPoints; ++index) {
    const auto point = static_cast<policy::Point>(index);
    if (!set.has_policy(point)) continue;
    for (const policy::Rule& rule : set.rules(point)) {
      const std::string condition = rule.otherwise ? "no other rule of the policy holds"
                                    : rule.always  ? "always"
                                                   : rule.condition.text;
      rows.push_back({point, rule.policy, rule.name, rule.verdict, condition, rule.place});
    }
    if (!reaches_default(set, point)) continue;
    rows.push_back({point,
                    "",
                    std::string(manifest::kDefaultRule),
                    set.conclude(point, {}).verdict,
                    "no rule of the point holds",
                    {}});
  }
  return rows;
}

Outcome<int> print_rules(Context& context, const policy::PolicySet& set,
                         const std::vector<std::string>& names) {
  if (context.out.format() == Format::kName) {
    for (const std::string& name : names) context.out.print_line(name);
    return kExitDone;
  }
  Json items = Json::array();
  Table table({{"AT"}, {"POLICY"}, {"RULE"}, {"DECISION"}, {"CONDITION"}, {"PLACE"}});
  for (const Row& row : rows_of(set)) {
    const std::string at(policy::point_name(row.point));
    const std::string verdict(policy::verdict_name(row.verdict));
    Json item = Json::object();
    item.set("at", Json::string(at)).set("policy", Json::string(row.policy));
    item.set("rule", Json::string(row.rule)).set("decision", Json::string(verdict));
    item.set("condition", Json::string(row.condition));
    items.push(place_document(std::move(item), row.place));
    table.add({at, harmless(row.policy), harmless(row.rule), verdict,
               context.out.wide() ? harmless(row.condition) : clipped(row.condition),
               place_or_none(row.place)});
  }
  const std::string digest = "sha256:" + lineage::hex(set.digest());
  std::string text = table.empty() ? "no policy: everything is allowed\n"
                                   : table.render(context.out.wide(), context.out.color());
  text += "Digest: " + digest + "\n";
  Json document = Json::object();
  document.set("digest", Json::string(digest)).set("items", std::move(items));
  print_answer(context, std::move(document), "", text);
  return kExitDone;
}

Outcome<int> list_of_app(Context& context, const AppFlags& flags) {
  const auto loaded = load(context, flags, "cannot list the app's policies");
  if (!loaded) return tl::unexpected(loaded.error());
  std::vector<std::string> names;
  for (const manifest::PolicyDocument& policy : loaded->app.policies) names.push_back(policy.name);
  return print_rules(context, *loaded->set, names);
}

// What a host has taken was compiled there; it compiles here too, unless that is a later version.
Outcome<int> list_of_host(Context& context) {
  constexpr const char* kWhat = "cannot list the host's policies";
  const auto reply = context.api.get(kWhat, Target({"policies"}));
  if (!reply) return tl::unexpected(reply.error());
  std::vector<policy::PolicySource> sources;
  std::vector<std::string> names;
  for (const Json& item : reply->json["items"].items()) {
    names.push_back(item["name"].text());
    auto source = policy::policy_of_json(names.back(), item["spec"].dump());
    if (!source) {
      return tl::unexpected(Failure{kExitFailed, kWhat, names.back() + ": " + source.error().detail,
                                    "the host may be of a later version; see GET /v1/policies",
                                    ""});
    }
    sources.push_back(std::move(*source));
  }
  const auto hash = [](std::string_view bytes) { return lineage::sha256(bytes); };
  const auto set = policy::PolicySet::compile(sources, hash);
  if (set) return print_rules(context, *set, names);
  return tl::unexpected(Failure{kExitFailed, kWhat, set.error().front().what, "", ""});
}

Json report_document(const policy::PolicySet& set, const CaseReport& report) {
  Json cases = Json::array();
  for (const CaseRun& run : report.runs) {
    const manifest::PolicyCase& asked = *run.asked;
    Json one = Json::object();
    one.set("test", Json::string(asked.test)).set("case", Json::string(asked.name));
    one.set("at", Json::string(policy::point_name(asked.point)));
    one.set("expected", Json::string(policy::verdict_name(asked.expect)));
    one.set("decision", Json::string(policy::verdict_name(run.got.verdict)));
    one.set("rule", Json::string(run.rule)).set("reason", Json::string(run.got.reason));
    one.set("asExpected", Json::boolean(run.wrong.empty()));
    cases.push(place_document(std::move(one),
                              {*asked.place.file, static_cast<uint32_t>(asked.place.line), 0}));
  }
  Json undecided = Json::array();
  for (const Undecided& each : report.undecided) {
    Json one = Json::object();
    one.set("at", Json::string(policy::point_name(each.point)));
    one.set("rule", Json::string(each.rule));
    undecided.push(place_document(std::move(one), each.place));
  }
  Json document = Json::object();
  document.set("digest", Json::string("sha256:" + lineage::hex(set.digest())));
  document.set("cases", std::move(cases));
  document.set("failed", Json::number(static_cast<int64_t>(report.failed())));
  document.set("rules", Json::number(static_cast<int64_t>(report.rules)));
  document.set("undecided", std::move(undecided));
  return document;
}

std::string report_text(const CaseReport& report, bool color) {
  Table table({{"RESULT"}, {"TEST"}, {"CASE"}, {"AT"}, {"DECISION"}, {"BY"}});
  for (const CaseRun& run : report.runs) {
    table.add({run.wrong.empty() ? "ok" : "FAILED", harmless(run.asked->test),
               clipped(run.asked->name), std::string(policy::point_name(run.asked->point)),
               std::string(policy::verdict_name(run.got.verdict)), harmless(run.rule)});
  }
  std::string text = table.render(false, color);
  text += fmt::format("{} of {} cases are decided as expected\n",
                      report.runs.size() - report.failed(), report.runs.size());
  std::string names;
  for (const Undecided& each : report.undecided) {
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", policy::point_name(each.point),
                         harmless(each.rule));
  }
  text += fmt::format("{} of {} rules decided a case", report.rules - report.undecided.size(),
                      report.rules);
  return text + (names.empty() ? "\n" : "; none: " + names + "\n");
}

Outcome<int> test(Context& context, AppFlags flags) {
  constexpr const char* kWhat = "cannot test the app's policies";
  flags.tests = true;
  const auto loaded = load(context, flags, kWhat);
  if (!loaded) return tl::unexpected(loaded.error());
  manifest::Findings told;  // by loading it
  const auto cases = manifest::policy_cases(loaded->app, *loaded->set, &told);
  if (cases.empty()) {
    return tl::unexpected(
        Failure{kExitFailed, kWhat, "there are no cases",
                "write NAME.test.yaml beside a policy; its fields: phoenix schema PolicyTest", ""});
  }
  const CaseReport report = run_cases(*loaded->set, cases);
  std::string names;
  for (const manifest::PolicyCase& each : cases) names += each.name + "\n";
  print_answer(context, report_document(*loaded->set, report), names,
               report_text(report, context.out.color()));
  if (report.failed() == 0) return kExitDone;
  if (!context.out.for_people()) return kExitFailed;
  std::string why;
  for (const CaseRun& run : report.runs) {
    if (run.wrong.empty()) continue;
    why += fmt::format("{}{}: {}: {}", why.empty() ? "" : "\n", run.asked->place.text(),
                       harmless(run.asked->name), harmless(run.wrong));
  }
  return tl::unexpected(Failure{
      kExitFailed,
      fmt::format("{} of {} cases are decided otherwise", report.failed(), report.runs.size()), why,
      "", ""});
}

}  // namespace

void add_app_policies(std::vector<Command>& table) {
  const auto listed = std::make_shared<AppFlags>();
  Command listing;
  listing.path = "policy list";
  listing.summary =
      "the rules in force at a host, or with -f those of an app, by the points that ask";
  listing.usage = "[-f FILE]";
  listing.example = "phoenix policy list\nphoenix policy list -f shop/PhoenixFile";
  add_app_flags(listing.flags, listed.get());
  listing.flags.front().help = "those of an app: a PhoenixFile, or its folder (a host's)";
  listed->file.clear();
  listing.run = [listed](Context& context) {
    return finish(context,
                  listed->file.empty() ? list_of_host(context) : list_of_app(context, *listed));
  };
  table.push_back(std::move(listing));

  const auto tested = std::make_shared<AppFlags>();
  Command testing;
  testing.path = "policy test";
  testing.summary = "ask an app's policies the cases that are kept beside them";
  testing.usage = "[-f FILE]";
  testing.detail =
      "Cases are documents of kind PolicyTest, in the app's files or in NAME.test.yaml in a "
      "folder\n"
      "that holds a policy: the point, who and what is asked about, the decision. Exits 1 with "
      "each\n"
      "case that is decided otherwise, and says which rules decided none.";
  testing.example = "phoenix policy test -f shop/PhoenixFile";
  add_app_flags(testing.flags, tested.get());
  testing.run = [tested](Context& context) { return finish(context, test(context, *tested)); };
  table.push_back(std::move(testing));
}

}  // namespace phoenix::cli
