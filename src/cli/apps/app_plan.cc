#include "cli/apps/app_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "cli/packets/packet_view.h"

namespace phoenix::cli {
namespace {

constexpr int64_t kDrainSeconds = 30;

using Key = std::pair<std::string, std::string>;  // namespace, id

bool gone(const Json& member) {
  const std::string& status = member["status"].text();
  return status == "RETIRED" || status == "DETACHED";
}

bool leaving(const Json& member) { return gone(member) || member["status"].text() == "DRAINING"; }

std::map<Key, Json> by_key(const std::vector<Json>& items) {
  std::map<Key, Json> out;
  for (const Json& item : items)
    out.emplace(Key(item["namespace"].text(), item["id"].text()), item);
  return out;
}

Change make(Change::Verb verb, bool member, const std::string& ns, const std::string& id,
            std::string detail) {
  Change change;
  change.verb = verb;
  change.member = member;
  change.ns = ns;
  change.id = id;
  change.detail = std::move(detail);
  return change;
}

// "capabilities, maxLoad" of a patch.
std::string fields_of(const Json& patch) {
  std::string out;
  for (const auto& [key, value] : patch.members()) {
    out += (out.empty() ? "" : ", ") + key;
    if (!value.is_object()) out += " -> " + (value.is_array() ? joined(value) : value.text());
  }
  return out;
}

// What differs of a packet that is there, in the fields that a list shows; empty: nothing.
std::string differences(const Json& there, const Json& wanted) {
  std::string out;
  for (const auto& [key, value] : wanted.members()) {
    if (key == "payload" || key == "deadline" || key == "notBefore") continue;
    const Json& now = there[key];
    bool same = now.dump() == value.dump();
    if (value.is_array()) {
      std::multiset<std::string> a;
      std::multiset<std::string> b;
      for (const Json& item : now.items()) a.insert(item.text());
      for (const Json& item : value.items()) b.insert(item.text());
      same = a == b;
    } else if (value.is_object()) {
      same = std::all_of(value.members().begin(), value.members().end(), [&](const auto& each) {
        return now[each.first].text() == each.second.text();
      });
    }
    if (!same) out += (out.empty() ? "" : ", ") + key;
  }
  return out;
}

class Planner {
 public:
  Planner(AppHost& host, const manifest::App& app, const PlanOptions& options)
      : host_(host), app_(app), options_(options) {}

  Outcome<std::vector<Change>> run() {
    const auto members = list_app_members(host_, app_);
    if (!members) return tl::unexpected(members.error());
    const auto packets = list_app_packets(host_, app_);
    if (!packets) return tl::unexpected(packets.error());
    members_ = by_key(*members);
    packets_ = by_key(*packets);
    if (options_.remove) {
      remove_all();
      return std::move(plan_);
    }
    for (const manifest::Agent& agent : app_.agents) {
      for (const std::string& id : member_ids(app_, agent)) plan_member(agent, id);
    }
    for (const AppPacket& packet : app_packets(app_)) {
      const auto planned = plan_packet(packet);
      if (!planned) return tl::unexpected(planned.error());
    }
    if (options_.prune) prune();
    return std::move(plan_);
  }

 private:
  void plan_member(const manifest::Agent& agent, const std::string& id) {
    declared_members_.insert(agent.name);
    const auto found = members_.find(Key(agent.ns, id));
    const bool by_hand = command_of(app_, agent).empty();
    if (found == members_.end() || gone(found->second)) {
      if (!by_hand) {
        plan_.push_back(
            make(Change::Verb::kNote, true, agent.ns, id, "its process is started by phoenix run"));
        return;
      }
      Change change = make(Change::Verb::kCreate, true, agent.ns, id,
                           joined(Json::strings(agent.capabilities)));
      change.body = manual_member(app_, agent, id);
      plan_.push_back(std::move(change));
      return;
    }
    Json patch = member_patch(app_, agent, found->second);
    if (patch.members().empty()) return;
    Change change = make(Change::Verb::kUpdate, true, agent.ns, id, fields_of(patch));
    change.body = std::move(patch);
    plan_.push_back(std::move(change));
  }

  Outcome<int> plan_packet(const AppPacket& packet) {
    declared_packets_.insert(packet.declared->name);
    const std::string& ns = packet.declared->ns;
    const auto found = packets_.find(Key(ns, packet.id));
    if (found == packets_.end()) {
      Change change = make(Change::Verb::kCreate, false, ns, packet.id,
                           joined(Json::strings(packet.declared->required)));
      change.packet = packet.declared;
      plan_.push_back(std::move(change));
      return kExitDone;
    }
    auto body = packet_body(app_, packet, 0);
    if (!body) return tl::unexpected(body.error());
    const std::string changed = differences(found->second, *body);
    if (changed.empty()) return kExitDone;
    plan_.push_back(make(Change::Verb::kRefuse, false, ns, packet.id,
                         fmt::format("is declared otherwise now ({}), and packets do not change: "
                                     "give it another name",
                                     changed)));
    return kExitDone;
  }

  void prune() {
    for (const auto& [key, member] : members_) {
      const std::string& name = member["labels"][kDeclaredLabel].text();
      if (name.empty() || declared_members_.contains(name) || leaving(member)) continue;
      plan_.push_back(make(Change::Verb::kRetire, true, key.first, key.second, "not declared"));
    }
    for (const auto& [key, packet] : packets_) {
      const std::string& name = packet["labels"][kDeclaredLabel].text();
      if (name.empty() || declared_packets_.contains(name) || packet_ended(packet)) continue;
      plan_.push_back(make(Change::Verb::kCancel, false, key.first, key.second, "not declared"));
    }
  }

  // Packets first: what is canceled is not placed anew when its owner goes.
  void remove_all() {
    for (const auto& [key, packet] : packets_) {
      if (packet_ended(packet)) continue;
      plan_.push_back(make(Change::Verb::kCancel, false, key.first, key.second, ""));
    }
    for (const auto& [key, member] : members_) {
      if (leaving(member)) continue;
      plan_.push_back(make(Change::Verb::kRetire, true, key.first, key.second, ""));
    }
  }

  AppHost& host_;
  const manifest::App& app_;
  const PlanOptions& options_;
  std::map<Key, Json> members_;
  std::map<Key, Json> packets_;
  std::set<std::string> declared_members_;
  std::set<std::string> declared_packets_;
  std::vector<Change> plan_;
};

Outcome<Reply> change_one(AppHost& host, const manifest::App& app, const Change& change) {
  Api& api = host.in(change.ns);
  const std::string what = fmt::format("cannot {} {}", verb_name(change.verb), change.id);
  Json body = change.body;
  switch (change.verb) {
    case Change::Verb::kCreate:
      return api.post(what, Target({"members"}), body);
    case Change::Verb::kUpdate:
      return api.send(what, "PATCH", Target({"members", change.id}), body.dump(),
                      "application/merge-patch+json");
    case Change::Verb::kRetire:
      body = Json::object();
      body.set("deadlineSeconds", Json::number(app.drain_seconds.value_or(kDrainSeconds)));
      return api.post(what, Target({"members", change.id, "drain"}), body);
    default:
      body = Json::object();
      body.set("reason", Json::string("not declared"));
      return api.post(what, Target({"packets", change.id, "cancel"}), body);
  }
}

// Changes of one call each, several at a time: each waits for a sync, which a host has in common
// for all that are under way.
class Crew {
 public:
  Crew(const manifest::App& app, const std::vector<const Change*>& changes,
       const std::function<void(size_t)>& progress)
      : app_(app), changes_(changes), progress_(progress) {}

  // What was refused, by its number: that stops no other. Without a host the rest is no use.
  Outcome<std::map<size_t, std::string>> work(AppHost& host) {
    {
      std::vector<std::jthread> others;
      for (size_t i = 1; i < std::min(kAtOnce, changes_.size()); ++i) {
        others.emplace_back([this, own = host.another()]() mutable { take_turns(own); });
      }
      take_turns(host);
    }
    if (no_host_) return tl::unexpected(*no_host_);
    return std::move(refused_);
  }

 private:
  static constexpr size_t kAtOnce = 16;

  void take_turns(AppHost& host) {
    std::unique_lock lock(mutex_);
    while (next_ < changes_.size() && !no_host_) {
      const size_t number = next_++;
      lock.unlock();
      const auto reply = change_one(host, app_, *changes_[number]);
      lock.lock();
      if (!reply && reply.error().exit_code == kExitNoHost) no_host_ = reply.error();
      if (!reply) refused_[number] = reply.error().what + ": " + reply.error().why;
      progress_(++done_);
    }
  }

  const manifest::App& app_;
  const std::vector<const Change*>& changes_;
  const std::function<void(size_t)>& progress_;
  std::mutex mutex_;  // of all below
  size_t next_ = 0;
  size_t done_ = 0;
  std::map<size_t, std::string> refused_;
  std::optional<Failure> no_host_;
};

}  // namespace

const char* verb_name(Change::Verb verb) {
  switch (verb) {
    case Change::Verb::kCreate:
      return "create";
    case Change::Verb::kUpdate:
      return "update";
    case Change::Verb::kRemove:
      return "remove";
    case Change::Verb::kRetire:
      return "retire";
    case Change::Verb::kCancel:
      return "cancel";
    case Change::Verb::kRefuse:
      return "refuse";
    case Change::Verb::kNote:
      break;
  }
  return "leave";
}

Outcome<std::vector<Change>> plan_app(AppHost& host, const manifest::App& app,
                                      const PlanOptions& options) {
  return Planner(host, app, options).run();
}

size_t count_changes(const std::vector<Change>& plan) {
  return static_cast<size_t>(std::count_if(plan.begin(), plan.end(), [](const Change& change) {
    return change.verb != Change::Verb::kNote && change.verb != Change::Verb::kRefuse;
  }));
}

Outcome<std::vector<std::string>> carry_out(AppHost& host, const manifest::App& app,
                                            const std::vector<Change>& plan,
                                            const std::function<void(size_t)>& progress) {
  std::vector<std::string> failures;
  std::vector<const Change*> single;
  std::vector<AppPacket> packets;
  for (const Change& change : plan) {
    if (change.verb == Change::Verb::kNote || change.document != nullptr) continue;
    if (change.verb == Change::Verb::kRefuse) {
      failures.push_back(change.id + " " + change.detail);
    } else if (change.packet != nullptr) {
      packets.push_back({change.packet, change.id});
    } else {
      single.push_back(&change);
    }
  }
  const auto refused = Crew(app, single, progress).work(host);
  if (!refused) return tl::unexpected(refused.error());
  for (const auto& [number, why] : *refused) failures.push_back(why);
  const auto sent =
      submit_all(host, app, packets, [&](size_t count) { progress(single.size() + count); });
  if (!sent) return tl::unexpected(sent.error());
  for (const Submitted& each : *sent) {
    if (each.status >= 300) failures.push_back(each.packet.id + ": " + each.problem);
  }
  return failures;
}

}  // namespace phoenix::cli
