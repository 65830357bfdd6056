#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "cli/apps/app_file.h"
#include "cli/context.h"
#include "cli/policy/case_runs.h"
#include "cli/policy/policy_commands.h"
#include "cli/table.h"
#include "manifest/policies/policies.h"

namespace phoenix::cli {
namespace {

using manifest::CaseMember;
using manifest::CasePacket;
using manifest::PolicyCase;

constexpr const char* kWhat = "cannot replay the policies";
constexpr int64_t kPage = 1'000;

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list.items()) out.push_back(item.text());
  return out;
}

manifest::Pairs pairs(const Json& map) {
  manifest::Pairs out;
  for (const auto& [key, value] : map.members()) out.emplace_back(key, value.text());
  return out;
}

std::optional<int64_t> time_of(const Json& at) {
  const int64_t ms = parse_time(at.text());
  return ms < 0 ? std::nullopt : std::optional<int64_t>(ms);
}

// As it is now; what it held then is not recorded.
CaseMember member_of(const Json& json) {
  CaseMember made;
  made.id = json["id"].text();
  made.ns = json["namespace"].text();
  made.kind = json["kind"].text();
  made.capabilities = texts(json["capabilities"]);
  made.compliance = texts(json["compliance"]);
  made.labels = pairs(json["labels"]);
  made.trust = json["trustScore"].real().value_or(1);
  made.reliability = json["reliability"].real().value_or(1);
  made.weight = json["weight"].integer().value_or(100);
  made.max_load = json["maxLoad"].integer().value_or(1);
  made.joined_at = time_of(json["joinedAt"]);
  return made;
}

CasePacket packet_of(const Json& json) {
  CasePacket made;
  made.id = json["id"].text();
  made.name = json["name"].text();
  made.ns = json["namespace"].text();
  made.affinity_key = json["affinityKey"].text();
  made.required = texts(json["requiredCapabilities"]);
  made.any = json["capabilityMatch"].text() == "any";
  made.policy_tags = texts(json["policyTags"]);
  made.labels = pairs(json["labels"]);
  made.priority = json["priority"].integer().value_or(0);
  made.load = json["load"].integer().value_or(1);
  made.created_at = time_of(json["createdAt"]);
  made.deadline = time_of(json["deadline"]);
  made.payload = json["payload"].dump();
  return made;
}

struct Past {
  std::vector<PolicyCase> cases;  // `expect`: what was recorded
  size_t unknown = 0;             // changes of owner by members that the host has forgotten
};

class Recorded {
 public:
  explicit Recorded(Context& context) : context_(context) {}

  Outcome<Past> read() {
    const auto members = each("members", [this](const Json& json) -> Outcome<int> {
      members_[json["id"].text()] = member_of(json);
      add(policy::Point::kRegister, json["id"].text(), "", nullptr, "registered", json["joinedAt"],
          policy::Verdict::kAllow);
      return kExitDone;
    });
    if (!members) return tl::unexpected(members.error());
    const auto approvals = each("approvals", [this](const Json& json) -> Outcome<int> {
      note_approval(json["spec"]);
      return kExitDone;
    });
    if (!approvals) return tl::unexpected(approvals.error());
    const auto packets = each("packets", [this](const Json& json) { return read_packet(json); });
    if (!packets) return tl::unexpected(packets.error());
    return std::move(past_);
  }

 private:
  template <class Act>
  Outcome<int> each(const std::string& things, const Act& act) {
    std::string cursor;
    do {
      Target target({things});
      if (things != "approvals") target.with("limit", kPage);
      if (things == "packets") target.with("content", "true").with("order", "asc");
      if (!cursor.empty()) target.with("cursor", cursor);
      const auto reply = context_.api.get(kWhat, std::move(target));
      if (!reply) return tl::unexpected(reply.error());
      for (const Json& item : reply->json["items"].items()) {
        if (const auto done = act(item); !done) return done;
      }
      cursor = reply->json["nextCursor"].text();
    } while (!cursor.empty());
    return kExitDone;
  }

  // What somebody had to approve was no plain permission, though it happened.
  void note_approval(const Json& spec) {
    const std::string state = spec["state"].text();
    const bool allowed = state == "approved" || state == "used" ||
                         (state == "expired" && spec["onExpiry"].text() == "allow");
    if (!allowed) return;
    const std::string of = spec["packet"].text();
    approved_.insert({spec["point"].text(), of.empty() ? spec["member"].text() : of});
  }

  Outcome<int> read_packet(const Json& json) {
    const std::string id = json["id"].text();
    const auto reply = context_.api.get(kWhat, Target({"packets", id, "history"}));
    if (!reply) return tl::unexpected(reply.error());
    const CasePacket packet = packet_of(json);
    int64_t epoch = 0;
    std::string owner;
    for (const Json& item : reply->json["items"].items()) {
      const std::string& event = item["event"].text();
      if (event == "policy-refused") {
        if (!item["to"].text().empty()) {
          add(policy::Point::kHandoff, item["to"].text(), owner, &packet, event, item["at"],
              policy::Verdict::kDeny);
        }
        continue;
      }
      const int64_t now = item["epoch"].integer().value_or(epoch);
      const std::string& next = item["owner"].text();
      if (now > epoch && !next.empty()) {
        if (event == "handed-off" && !owner.empty()) {
          add(policy::Point::kHandoff, next, owner, &packet, event, item["at"],
              policy::Verdict::kAllow);
        }
        add(policy::Point::kAssign, next, "", &packet, event, item["at"], policy::Verdict::kAllow);
      }
      epoch = std::max(epoch, now);
      if (!next.empty()) owner = next;
    }
    return kExitDone;
  }

  void add(policy::Point point, const std::string& subject, const std::string& source,
           const CasePacket* packet, const std::string& event, const Json& at,
           policy::Verdict recorded) {
    const auto found = members_.find(subject);
    const auto giver = members_.find(source);
    if (found == members_.end() || (!source.empty() && giver == members_.end())) {
      ++past_.unknown;
      return;
    }
    PolicyCase made;
    made.test = event;
    made.name = packet == nullptr ? subject : packet->id;
    made.point = point;
    made.subject = found->second;
    if (!source.empty()) made.source = giver->second;
    if (packet != nullptr) made.packet = *packet;
    made.now_ms = time_of(at).value_or(0);
    const std::string key =
        packet == nullptr ? made.subject.ns + "/" + made.subject.id : packet->ns + "/" + packet->id;
    const bool by_word = approved_.contains({std::string(policy::point_name(point)), key});
    made.expect = by_word ? policy::Verdict::kRequireApproval : recorded;
    past_.cases.push_back(std::move(made));
  }

  Context& context_;
  std::map<std::string, CaseMember> members_;
  std::set<std::pair<std::string, std::string>> approved_;  // (point, "namespace/id")
  Past past_;
};

Outcome<int> replay(Context& context, const AppFlags& flags) {
  const auto app = load_for(context, flags, kWhat);
  if (!app) return tl::unexpected(app.error());
  manifest::Findings told;  // by loading it
  const auto set = manifest::compile_policies(*app, &told);
  if (set == nullptr)
    return tl::unexpected(Failure{kExitFailed, kWhat, told.front().text(), "", ""});
  const auto past = Recorded(context).read();
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
  text += fmt::format("{} of {} recorded decisions differ{}\n", report.failed(), report.runs.size(),
                      past->unknown == 0
                          ? ""
                          : fmt::format("; {} by members that the host has forgotten were passed "
                                        "over",
                                        past->unknown));
  Json document = Json::object();
  document.set("decisions", Json::number(static_cast<int64_t>(report.runs.size())));
  document.set("unknown", Json::number(static_cast<int64_t>(past->unknown)));
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
      "Registrations, changes of owner and refused handoffs that the host still knows are put to "
      "the\n"
      "policies of an app. Members are as they are now, and as if they held nothing; payloads as "
      "long\n"
      "as they are kept. What is exported of the record does not do: it holds digests of members "
      "and\n"
      "payloads, not what they were. Exits 1 if a decision differs.";
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
