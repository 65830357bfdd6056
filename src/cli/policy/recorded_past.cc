#include "cli/policy/recorded_past.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/key.h"
#include "cli/apps/app_members.h"
#include "cli/apps/app_packets.h"
#include "cli/audit/audit_reader.h"
#include "cli/table.h"
#include "lineage/form/entry.h"

namespace phoenix::cli {
namespace {

using manifest::CaseMember;
using manifest::CasePacket;
using manifest::PolicyCase;
using policy::Point;
using policy::Verdict;

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

std::string key_of(const std::string& ns, const std::string& id) { return ns + "/" + id; }

// As it is now; what it held then is not recorded.
CaseMember member_of(const Json& json) {
  CaseMember made;
  made.id = json["id"].text();
  made.ns = json["namespace"].text();
  made.kind = json["kind"].text();
  made.registered_by = json["registeredBy"].text();
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

// As it asked, with what it held then.
CaseMember asker_of(const Json& json) {
  CaseMember made = member_of(json);
  made.status = json["status"].text();
  made.load = json["currentLoad"].integer().value_or(0);
  return made;
}

// What an explanation says of a candidate whom a policy does not let have the packet.
std::optional<Verdict> verdict_of(const std::string& why) {
  const std::string_view code = std::string_view(why).substr(0, why.find(':'));
  if (code == "policy-denied") return Verdict::kDeny;
  if (code == "approval-required") return Verdict::kRequireApproval;
  return std::nullopt;
}

class Reader {
 public:
  Reader(Context& context, const manifest::App& app, const char* what)
      : context_(context), app_(app), what_(what), host_(context.globals, "", &context.out) {}

  Outcome<RecordedPast> read() {
    declare();
    read_refusals();
    for (const std::string& ns : namespaces()) {
      const auto members = each(ns, "members", [this](const Json& json) { return member(json); });
      if (!members) return tl::unexpected(members.error());
      const auto approvals =
          each(ns, "approvals", [this](const Json& json) { return approval(json["spec"]); });
      if (!approvals) return tl::unexpected(approvals.error());
      const auto packets = each(ns, "packets", [this](const Json& json) { return packet(json); });
      if (!packets) return tl::unexpected(packets.error());
    }
    for (const std::string& key : without_asker_) {
      if (!packets_.contains(key)) ++past_.undecided;
    }
    return std::move(past_);
  }

 private:
  using Take = std::function<Outcome<int>(const Json&)>;

  std::set<std::string> namespaces() const {
    const std::string& asked = context_.api.name_space();
    return asked.empty() ? namespaces_of(app_) : std::set<std::string>{asked};
  }

  void declare() {
    for (const manifest::Agent& agent : app_.agents) {
      CaseMember made = manifest::case_member(agent);
      for (const std::string& id : member_ids(app_, agent)) {
        made.id = id;
        members_.emplace(key_of(agent.ns, id), made);
      }
    }
  }

  Outcome<int> each(const std::string& ns, const std::string& things, const Take& take) {
    std::string cursor;
    do {
      Target target({things});
      if (things != "approvals") target.with("limit", kPage);
      if (things == "packets") target.with("content", "true").with("order", "asc");
      if (!cursor.empty()) target.with("cursor", cursor);
      const auto reply = host_.in(ns).get(what_, std::move(target));
      if (!reply) return tl::unexpected(reply.error());
      for (const Json& item : reply->json["items"].items()) {
        if (const auto done = take(item); !done) return done;
      }
      cursor = reply->json["nextCursor"].text();
    } while (!cursor.empty());
    return kExitDone;
  }

  Outcome<int> member(const Json& json) {
    CaseMember known = member_of(json);
    const std::string key = key_of(known.ns, known.id);
    members_.insert_or_assign(key, std::move(known));
    add(Point::kRegister, key, "registered", json["joinedAt"], Verdict::kAllow);
    if (json["status"].text() == "RETIRED") {
      add(Point::kRetire, key, "retired", json["lastSeenAt"], Verdict::kAllow);
    }
    return kExitDone;
  }

  // What somebody had to approve was no plain permission, though it happened.
  Outcome<int> approval(const Json& spec) {
    const std::string state = spec["state"].text();
    const bool allowed = state == "approved" || state == "used" ||
                         (state == "expired" && spec["onExpiry"].text() == "allow");
    if (!allowed) return kExitDone;
    const std::string of = spec["packet"].text();
    approved_.insert({spec["point"].text(), of.empty() ? spec["member"].text() : of});
    return kExitDone;
  }

  Outcome<int> packet(const Json& json) {
    about_ = packet_of(json);
    const std::string key = key_of(about_->ns, about_->id);
    packets_.insert(key);
    waits_ = json["parked"]["reason"].text() == "policy-denied" ||
             json["parked"]["reason"].text() == "approval-required";
    const auto told = tell_history(json);
    const auto waiting = told && waits_ ? tell_waiting() : told;
    about_.reset();
    return waiting;
  }

  Outcome<int> tell_history(const Json& json) {
    const auto reply = host_.in(about_->ns).get(what_, Target({"packets", about_->id, "history"}));
    if (!reply) return tl::unexpected(reply.error());
    std::string owner;
    std::string context = "{}";
    for (const Json& item : reply->json["items"].items()) {
      const std::string& event = item["event"].text();
      const int64_t epoch = item["epoch"].integer().value_or(about_->epoch);
      const std::string& next = item["owner"].text();
      if (event == "policy-refused") {
        refused(item, owner);
      } else if (epoch > about_->epoch && !next.empty()) {
        if (event == "handed-off" && !owner.empty()) {
          // Of several handoffs only the last one's context is kept.
          const bool last = json["epoch"].integer() == epoch && !json["context"].is_null();
          if (last) context = json["context"].dump();
          add(Point::kHandoff, key(next), event, item["at"], Verdict::kAllow, key(owner), context);
        }
        add(Point::kAssign, key(next), event, item["at"], Verdict::kAllow);
      }
      about_->epoch = std::max(about_->epoch, epoch);
      if (!next.empty()) owner = next;
    }
    return kExitDone;
  }

  // To a packet's owner, who wanted to hand it on, or to a packet that had none. Of one that still
  // waits its explanation tells more.
  void refused(const Json& line, const std::string& owner) {
    const std::string& to = line["to"].text();
    const std::string& why = line["reason"].text();
    const auto point = policy::point_from_name(why.substr(0, why.find(':')));
    const bool hands = point == Point::kHandoff;
    if (to.empty() || !point || (!hands && waits_)) return;
    const auto known = verdicts_.find({key_of(about_->ns, about_->id), time_of(line["at"])});
    const Verdict verdict = known == verdicts_.end() ? Verdict::kDeny : known->second;
    add(*point, key(to), line["event"].text(), line["at"], verdict, hands ? key(owner) : "");
  }

  // A packet that waits has been refused to all who could have had it.
  Outcome<int> tell_waiting() {
    const auto reply = host_.in(about_->ns).get(what_, Target({"packets", about_->id, "explain"}));
    if (!reply) return tl::unexpected(reply.error());
    for (const Json& candidate : reply->json["candidates"].items()) {
      const auto verdict = verdict_of(candidate["why"].text());
      if (!verdict) continue;
      add(Point::kAssign, key(candidate["member"].text()), "waits", reply->json["parked"]["since"],
          *verdict);
    }
    return kExitDone;
  }

  std::string key(const std::string& member) const { return key_of(about_->ns, member); }

  void add(Point point, const std::string& subject, const std::string& event, const Json& at,
           Verdict recorded, const std::string& source = "", const std::string& context = "{}") {
    const auto found = members_.find(subject);
    const auto giver = members_.find(source);
    if (found == members_.end() || (!source.empty() && giver == members_.end())) {
      ++past_.unknown;
      return;
    }
    PolicyCase made = case_of(point, found->second, event, time_of(at));
    if (!source.empty()) made.source = giver->second;
    made.context = context;
    const std::string of = about_ ? key_of(about_->ns, about_->id) : subject;
    const bool by_word = recorded == Verdict::kAllow &&
                         approved_.contains({std::string(policy::point_name(point)), of});
    made.expect = by_word ? Verdict::kRequireApproval : recorded;
    past_.cases.push_back(std::move(made));
  }

  PolicyCase case_of(Point point, CaseMember subject, const std::string& event,
                     std::optional<int64_t> at) const {
    PolicyCase made;
    made.test = event;
    made.name = about_ ? about_->id : subject.id;
    made.point = point;
    made.subject = std::move(subject);
    made.packet = about_;
    made.now_ms = at.value_or(0);
    return made;
  }

  // What policies have refused, by the log: who wanted to register, to change or to leave stands
  // there as it asked, since it is nobody whom the host knows otherwise.
  void read_refusals() {
    const std::set<std::string> spaces = namespaces();
    const auto take = [&](const AuditEntry& raw) {
      const auto entry = lineage::decode<lineage::Entry>(raw.bytes);
      if (entry && entry->event == "policy-refused" &&
          (spaces.contains(entry->ns) || spaces.contains("*"))) {
        refusal(*entry);
      }
      return true;
    };
    const auto logs = read_logs(context_, what_);
    past_.is_whole = logs.has_value();
    if (!logs) return;
    for (const AuditLog& log : *logs) {
      if (log.first_kept == 0) continue;
      const auto done = read_entries(context_, what_, log.log, log.first_kept - 1, take);
      past_.is_whole = past_.is_whole && done.has_value();
    }
  }

  void refusal(const lineage::Entry& entry) {
    const std::string about = key_of(entry.ns, entry.subject);
    const auto told = Json::parse(entry.account);
    const auto point = told ? policy::point_from_name((*told)["point"].text()) : std::nullopt;
    const auto verdict =
        told ? policy::verdict_from_name((*told)["decision"].text()) : std::nullopt;
    if (!point || !verdict || (*told)["asked"].is_null()) {
      if (verdict) verdicts_.insert_or_assign({about, entry.at}, *verdict);
      without_asker_.push_back(about);
      return;
    }
    PolicyCase made = case_of(*point, asker_of((*told)["asked"]), entry.event, entry.at);
    made.expect = *verdict;
    past_.cases.push_back(std::move(made));
  }

  Context& context_;
  const manifest::App& app_;
  const char* what_;
  AppHost host_;
  std::map<std::string, CaseMember> members_;               // by "namespace/id"
  std::set<std::string> packets_;                           // "namespace/id"
  std::set<std::pair<std::string, std::string>> approved_;  // (point, "namespace/id")
  std::map<std::pair<std::string, std::optional<int64_t>>, Verdict> verdicts_;  // refusals, by when
  std::vector<std::string> without_asker_;  // refusals of which nobody knows who asked
  std::optional<CasePacket> about_;         // the packet that is read
  bool waits_ = false;                      // for policies
  RecordedPast past_;
};

}  // namespace

Outcome<RecordedPast> recorded_past(Context& context, const manifest::App& app, const char* what) {
  return Reader(context, app, what).read();
}

}  // namespace phoenix::cli
