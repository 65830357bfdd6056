#include "cli/import/original_state.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "cli/context.h"
#include "manifest/kinds/shape.h"

namespace phoenix::cli {
namespace {

constexpr size_t kMostBytes = 256 << 20;

bool is_there(const std::string& path) {
  struct stat found = {};
  return stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list.items()) out.push_back(item.text());
  return out;
}

// What one of the original's two writers calls it, else what the other does.
const Json& either(const Json& thing, const char* one, const char* other) {
  return thing.has(one) ? thing[one] : thing[other];
}

std::string number_or(const Json& value, const char* otherwise) {
  return value.kind() == Json::Kind::kNumber ? value.text() : otherwise;
}

std::string text_or(const Json& value, const std::string& otherwise) {
  return value.is_string() && !value.text().empty() ? value.text() : otherwise;
}

std::string kind_of(const std::string& type) {
  const auto& kinds = manifest::member_kinds();
  return std::find(kinds.begin(), kinds.end(), type) == kinds.end() ? "agent" : type;
}

class Reader {
 public:
  Reader(std::string folder, const std::string& what) : folder_(std::move(folder)), what_(what) {}

  Outcome<OriginalState> run() {
    OriginalState state;
    state.folder = folder_;
    for (const auto& [file, take] : {std::pair("registry.json", &Reader::take_member),
                                     {"packets.json", &Reader::take_packet}}) {
      const auto things = read(file);
      if (!things) return tl::unexpected(things.error());
      for (const auto& [id, thing] : things->members()) {
        if (!thing.is_object()) return tl::unexpected(unreadable(file, id + " is no object"));
        (this->*take)(id, thing, state);
      }
    }
    const auto owners = read("assignments.json");
    if (!owners) return tl::unexpected(owners.error());
    for (OriginalPacket& packet : state.packets) {
      packet.owner = text_or((*owners)[packet.id], packet.owner);
    }
    const std::string audit = folder_ + "/audit.jsonl";
    if (!is_there(audit)) return state;
    const auto text = read_input(audit, kMostBytes, what_);
    if (!text) return tl::unexpected(text.error());
    state.audit = check_audit_chain(*text);
    return state;
  }

 private:
  Failure unreadable(const std::string& file, const std::string& why) const {
    return {kExitFailed, what_, fmt::format("{}/{}: {}", folder_, file, why),
            "nothing was imported", ""};
  }

  Outcome<Json> read(const std::string& file) const {
    const std::string path = folder_ + "/" + file;
    if (!is_there(path)) return Json::object();
    const auto text = read_input(path, kMostBytes, what_);
    if (!text) return tl::unexpected(text.error());
    auto json = Json::parse(*text);
    if (!json) return tl::unexpected(unreadable(file, json.error().detail));
    if (!json->is_object()) return tl::unexpected(unreadable(file, "is no JSON object"));
    return std::move(*json);
  }

  void take_member(const std::string& id, const Json& from, OriginalState& state) {
    OriginalMember made;
    made.id = id;
    made.ns = text_or(from["namespace"], "default");
    made.kind = kind_of(from["type"].text());
    made.status = text_or(from["status"], "ACTIVE");
    made.capabilities = texts(from["capabilities"]);
    made.compliance = texts(from["compliance"]);
    made.trust = number_or(either(from, "trustScore", "trust_score"), "0");
    made.reliability = number_or(either(from, "reliability", "reliability_score"), "0");
    made.max_load = from["maxLoad"].integer().value_or(1);
    state.members.push_back(std::move(made));
  }

  void take_packet(const std::string& id, const Json& from, OriginalState& state) {
    OriginalPacket made;
    made.id = id;
    made.name = text_or(from["name"], id);
    made.ns = text_or(from["namespace"], "default");
    made.status = text_or(from["status"], "PENDING");
    made.owner = from["assignedTo"].text();
    made.required = texts(from["requiredCapabilities"]);
    made.policy_tags = texts(from["policyTags"]);
    made.payload = from["payload"];
    made.max_attempts = from["max_attempts"].integer().value_or(3);
    state.packets.push_back(std::move(made));
  }

  std::string folder_;
  const std::string& what_;
};

}  // namespace

Outcome<OriginalState> read_original_state(const std::string& folder, const std::string& what) {
  for (const std::string& place : {folder, folder + "/.phoenixflight"}) {
    for (const char* file : {"/registry.json", "/packets.json", "/audit.jsonl"}) {
      if (is_there(place + file)) return Reader(place, what).run();
    }
  }
  return tl::unexpected(Failure{kExitWrongUse, what,
                                folder + " holds no registry.json, packets.json or audit.jsonl",
                                "name the original's folder .phoenixflight", ""});
}

}  // namespace phoenix::cli
