#include "cli/apps/app_members.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace phoenix::cli {
namespace {

// Order says nothing of capabilities, nor of labels.
std::vector<std::string> sorted_texts(const Json& array) {
  std::vector<std::string> out;
  for (const Json& item : array.items()) out.push_back(item.text());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::vector<std::string> command_of(const manifest::App& app, const manifest::Agent& agent) {
  if (agent.exec) return agent.exec->command;
  if (agent.kind == "human" || app.entrypoint.empty()) return {};
  struct stat found = {};
  if (stat((app.folder + "/" + app.entrypoint).c_str(), &found) != 0) return {};
  const std::string& language = app.language;
  if (language == "python") return {"python3", app.entrypoint};
  if (language == "java" && app.entrypoint.ends_with(".jar")) {
    return {"java", "-jar", app.entrypoint};
  }
  if (language == "node" || language == "java" || language == "sh") {
    return {language, app.entrypoint};
  }
  if (language == "executable") return {"./" + app.entrypoint};
  return {};
}

std::vector<std::string> member_ids(const manifest::App& app, const manifest::Agent& agent) {
  const int64_t replicas = agent.exec && !command_of(app, agent).empty() ? agent.exec->replicas : 1;
  if (replicas == 1) return {agent.name};
  std::vector<std::string> out;
  for (int64_t i = 1; i <= replicas; ++i) out.push_back(fmt::format("{}-{}", agent.name, i));
  return out;
}

Json manual_member(const manifest::App& app, const manifest::Agent& agent, const std::string& id) {
  Json member = Json::object();
  member.set("id", Json::string(id)).set("kind", Json::string(agent.kind));
  member.set("capabilities", Json::strings(agent.capabilities));
  member.set("weight", Json::number(agent.weight));
  member.set("maxLoad", Json::number(std::max<int64_t>(1, agent.max_load)));
  if (agent.trust) member.set("trustScore", Json::raw_number(fmt::format("{}", *agent.trust)));
  if (agent.reliability) {
    member.set("reliability", Json::raw_number(fmt::format("{}", *agent.reliability)));
  }
  if (!agent.compliance.empty()) member.set("compliance", Json::strings(agent.compliance));
  if (!app.name.empty()) member.set("labels", app_labels(app, agent.labels, agent.name));
  member.set("liveness", Json::string("manual"));
  return member;
}

Json member_patch(const manifest::App& app, const manifest::Agent& agent, const Json& there) {
  Json patch = Json::object();
  std::vector<std::string> wanted = agent.capabilities;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (sorted_texts(there["capabilities"]) != wanted) {
    patch.set("capabilities", Json::strings(agent.capabilities));
  }
  if (there["weight"].integer() != agent.weight) patch.set("weight", Json::number(agent.weight));
  const int64_t load = std::max<int64_t>(1, agent.max_load);
  if (there["maxLoad"].integer() != load) patch.set("maxLoad", Json::number(load));
  const Json labels = app_labels(app, agent.labels, agent.name);
  Json changed = Json::object();
  for (const auto& [key, value] : labels.members()) {
    if (there["labels"][key].text() != value.text() || !there["labels"].has(key)) {
      changed.set(key, value);
    }
  }
  for (const auto& [key, value] : there["labels"].members()) {
    if (!labels.has(key)) changed.set(key, Json());
  }
  if (!changed.members().empty()) patch.set("labels", std::move(changed));
  return patch;
}

Outcome<std::vector<Json>> list_app_members(AppHost& host, const manifest::App& app) {
  return list_labelled(host, app, "members", "cannot list the app's members");
}

}  // namespace phoenix::cli
