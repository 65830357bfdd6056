#include "cli/apps/app_packets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/packets/packet_document.h"

namespace phoenix::cli {
namespace {

constexpr size_t kBatch = 1'000;
constexpr int64_t kPage = 1'000;

void set_seconds(Json& body, const char* key, const std::optional<int64_t>& ms) {
  if (ms) body.set(key, Json::number((*ms + 999) / 1'000));
}

std::string why_refused(const Json& problem) {
  std::string out = problem["detail"].text();
  for (const Json& error : problem["errors"].items()) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", error["pointer"].text(),
                       error["detail"].text());
  }
  return out.empty() ? problem["title"].text() : out;
}

Outcome<int> submit_batch(Api& api, const manifest::App& app, const std::vector<AppPacket>& batch,
                          std::vector<Submitted>* out) {
  Json bodies = Json::array();
  for (const AppPacket& packet : batch) {
    auto body = packet_body(app, packet, wall_now_ms());
    if (!body) return tl::unexpected(body.error());
    bodies.push(std::move(*body));
  }
  const auto reply = api.post("cannot submit the app's packets", Target({"packets"}), bodies);
  if (!reply) return tl::unexpected(reply.error());
  const std::vector<Json>& items = reply->json["items"].items();
  for (size_t i = 0; i < batch.size() && i < items.size(); ++i) {
    const auto status = static_cast<int>(items[i]["status"].integer().value_or(0));
    out->push_back({batch[i], status, status >= 300 ? why_refused(items[i]["problem"]) : ""});
  }
  return kExitDone;
}

}  // namespace

std::set<std::string> namespaces_of(const manifest::App& app) {
  std::set<std::string> out = {app.ns};
  for (const manifest::Packet& packet : app.packets) out.insert(packet.ns);
  for (const manifest::Agent& agent : app.agents) out.insert(agent.ns);
  for (const manifest::Contract& contract : app.contracts) out.insert(contract.ns);
  return out;
}

AppHost::AppHost(const Globals& globals, const std::string& url, Output* out)
    : globals_(globals), out_(out) {
  if (!url.empty()) globals_.urls = {url};
}

Api& AppHost::in(const std::string& ns) {
  Space& space = spaces_[ns];
  if (space.api == nullptr) {
    space.globals = globals_;
    space.globals.name_space = ns;
    space.api = std::make_unique<Api>(space.globals, out_);
  }
  return *space.api;
}

Json app_labels(const manifest::App& app, const manifest::Pairs& own, const std::string& name) {
  Json labels = Json::object();
  for (const auto& [key, value] : app.labels) labels.set(key, Json::string(value));
  for (const auto& [key, value] : own) labels.set(key, Json::string(value));
  labels.set(kAppLabel, Json::string(app.name));
  labels.set(kDeclaredLabel, Json::string(name));
  return labels;
}

std::vector<AppPacket> app_packets(const manifest::App& app) {
  std::vector<AppPacket> out;
  for (const manifest::Packet& packet : app.packets) {
    if (packet.replicas == 0) out.push_back({&packet, packet.name});
    for (int64_t i = 1; i <= packet.replicas; ++i) {
      out.push_back({&packet, fmt::format("{}-{}", packet.name, i)});
    }
  }
  return out;
}

Outcome<Json> packet_body(const manifest::App& app, const AppPacket& packet, int64_t now_ms) {
  const manifest::Packet& declared = *packet.declared;
  Json body = Json::object();
  body.set("id", Json::string(packet.id)).set("name", Json::string(declared.name));
  body.set("requiredCapabilities", Json::strings(declared.required));
  if (declared.any) body.set("capabilityMatch", Json::string("any"));
  if (!declared.policy_tags.empty()) body.set("policyTags", Json::strings(declared.policy_tags));
  if (!app.name.empty()) body.set("labels", app_labels(app, declared.labels, declared.name));
  if (!declared.affinity_key.empty()) {
    body.set("affinityKey", Json::string(declared.affinity_key));
  }
  if (!declared.spread.empty()) body.set("spread", Json::string(declared.spread));
  if (declared.priority != 0) body.set("priority", Json::number(declared.priority));
  if (declared.load != 1) body.set("load", Json::number(declared.load));
  if (declared.max_attempts) body.set("maxAttempts", Json::number(*declared.max_attempts));
  if (declared.max_losses) body.set("maxLosses", Json::number(*declared.max_losses));
  set_seconds(body, "attemptTimeoutSeconds", declared.attempt_timeout_ms);
  set_seconds(body, "retainSeconds", declared.retain_ms);
  for (const auto& [key, text] :
       {std::pair("deadline", &declared.deadline), std::pair("notBefore", &declared.not_before)}) {
    if (text->empty()) continue;
    auto at = moment(*text, key, now_ms);
    if (!at) return tl::unexpected(at.error());
    body.set(key, Json::string(*at));
  }
  if (!declared.contract.empty()) body.set("contract", Json::string(declared.contract));
  if (declared.scopes) body.set("scopes", Json::strings(*declared.scopes));
  if (declared.semantic) {
    if (auto semantic = Json::parse(declared.semantic->canonical)) {
      body.set("semantic", *std::move(semantic));
    }
  }
  auto payload = Json::parse(declared.payload);
  if (payload && !payload->is_null()) body.set("payload", std::move(*payload));
  return body;
}

Outcome<std::vector<Submitted>> submit_all(AppHost& host, const manifest::App& app,
                                           const std::vector<AppPacket>& packets,
                                           const std::function<void(size_t)>& progress) {
  std::map<std::string, std::vector<AppPacket>> by_namespace;
  for (const AppPacket& packet : packets) by_namespace[packet.declared->ns].push_back(packet);
  std::vector<Submitted> out;
  for (const auto& [ns, all] : by_namespace) {
    for (size_t at = 0; at < all.size(); at += kBatch) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = std::min(kBatch, all.size() - at);
      const std::vector<AppPacket> batch(first, first + static_cast<std::ptrdiff_t>(count));
      const auto sent = submit_batch(host.in(ns), app, batch, &out);
      if (!sent) return tl::unexpected(sent.error());
      progress(out.size());
    }
  }
  return out;
}

Outcome<std::vector<Json>> list_labelled(AppHost& host, const manifest::App& app,
                                         const std::string& things, const std::string& what) {
  std::vector<Json> out;
  for (const std::string& ns : namespaces_of(app)) {
    std::string cursor;
    do {
      Target target({things});
      target.with("label", fmt::format("{}={}", kAppLabel, app.name)).with("limit", kPage);
      if (things == "packets") target.with("order", "asc");
      if (!cursor.empty()) target.with("cursor", cursor);
      const auto reply = host.in(ns).get(what, std::move(target));
      if (!reply) return tl::unexpected(reply.error());
      for (const Json& item : reply->json["items"].items()) out.push_back(item);
      cursor = reply->json["nextCursor"].text();
    } while (!cursor.empty());
  }
  return out;
}

Outcome<std::vector<Json>> list_app_packets(AppHost& host, const manifest::App& app) {
  return list_labelled(host, app, "packets", "cannot list the app's packets");
}

}  // namespace phoenix::cli
