#include "api/auth.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>

#include "api/codec/digest.h"
#include "base/json/json.h"
#include "base/key.h"

namespace phoenix {
namespace {

constexpr size_t kMaxTokens = 10'000;
constexpr size_t kMaxFile = size_t{16} << 20;

struct RoleRow {
  std::string_view name;
  Roles role;
  Roles with;  // it and what it implies
};
constexpr std::array<RoleRow, 6> kRoles = {{
    {"reader", kReader, kReader},
    {"client", kClient, kClient | kReader},
    {"member", kMember, kMember},
    {"operator", kOperator, kOperator | kClient | kReader},
    {"approver", kApprover, kApprover | kReader},
    {"admin", kAdmin, kAllRoles},
}};

// A fault of the file; thrown within this file only and caught in parse().
struct Fault {
  std::string text;
};

class AuthFile {
 public:
  explicit AuthFile(const std::string& name) : name_(name) {}

  std::vector<Auth::Entry> read(const std::string& yaml) const {
    const YAML::Node root = YAML::Load(yaml);
    check_map(root, "the file", {"tokens"});
    const YAML::Node tokens = root["tokens"];
    if (!tokens || !tokens.IsSequence()) stop(root, "tokens", "must be a list of tokens");
    if (tokens.size() > kMaxTokens) stop(tokens, "tokens", "holds more than 10000 tokens");
    std::vector<Auth::Entry> entries;
    std::set<std::string> names;
    std::set<Digest> digests;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const std::string path = "tokens[" + std::to_string(i) + "]";
      entries.push_back(token(tokens[i], path));
      if (!names.insert(entries.back().principal->name).second) {
        stop(tokens[i], path + ".name", "another token has this name");
      }
      if (!digests.insert(entries.back().sha256).second) {
        stop(tokens[i], path + ".sha256", "another token has this digest");
      }
    }
    return entries;
  }

 private:
  [[noreturn]] void stop(const YAML::Node& node, const std::string& path,
                         const std::string& detail) const {
    const YAML::Mark mark = node.Mark();
    throw Fault{name_ + ":" + std::to_string(mark.line + 1) + ":" +
                std::to_string(mark.column + 1) + ": " + path + ": " + detail};
  }

  // Only known keys, each once: yaml-cpp takes the first of two and says nothing.
  void check_map(const YAML::Node& node, const std::string& path,
                 const std::vector<std::string>& known) const {
    if (!node.IsMap()) stop(node, path, "must be a map");
    std::set<std::string> seen;
    for (const auto& member : node) {
      const auto key = member.first.Scalar();
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        std::string list;
        for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
        stop(member.first, path, "\"" + key + "\" is unknown; known are " + list);
      }
      if (!seen.insert(key).second) stop(member.first, path, "\"" + key + "\" stands twice");
    }
  }

  std::string text(const YAML::Node& node, const std::string& path) const {
    if (!node || !node.IsScalar() || !valid_name(node.Scalar())) {
      stop(node, path, "must be text of 1 to 255 bytes");
    }
    return node.Scalar();
  }

  std::vector<std::string> texts(const YAML::Node& node, const std::string& path) const {
    if (!node.IsSequence()) stop(node, path, "must be a list");
    std::vector<std::string> out;
    for (size_t i = 0; i < node.size(); ++i) {
      out.push_back(text(node[i], path + "[" + std::to_string(i) + "]"));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  Auth::Entry token(const YAML::Node& node, const std::string& path) const {
    check_map(node, path, {"name", "sha256", "roles", "namespaces", "ceiling", "human"});
    Principal principal;
    for (const char* needed : {"name", "sha256", "roles"}) {
      if (!node[needed]) stop(node, path + "." + needed, "is required");
    }
    principal.name = text(node["name"], path + ".name");
    principal.roles = roles(node["roles"], path + ".roles");
    principal.namespaces = {"default"};
    if (const auto list = node["namespaces"]) {
      principal.namespaces = texts(list, path + ".namespaces");
      for (const auto& ns : principal.namespaces) {
        if (ns == "*") {
          principal.all_namespaces = true;
        } else if (!valid_id(ns)) {
          stop(list, path + ".namespaces", "\"" + ns + "\" is no namespace and not \"*\"");
        }
      }
      if (principal.namespaces.empty()) stop(list, path + ".namespaces", "names no namespace");
    }
    if (const auto human = node["human"]) {
      principal.human = text(human, path + ".human");
      if (!valid_id(principal.human)) stop(human, path + ".human", "is no id of a member");
    }
    if (const auto ceiling_node = node["ceiling"]) {
      principal.ceiling = ceiling(ceiling_node, path + ".ceiling");
    }
    Auth::Entry entry;
    entry.sha256 = digest(node["sha256"], path + ".sha256");
    entry.principal = std::make_shared<Principal>(std::move(principal));
    return entry;
  }

  Roles roles(const YAML::Node& node, const std::string& path) const {
    Roles out = 0;
    for (const auto& name : texts(node, path)) {
      const auto row = std::find_if(kRoles.begin(), kRoles.end(),
                                    [&](const RoleRow& entry) { return entry.name == name; });
      if (row == kRoles.end()) {
        stop(node, path,
             "\"" + name +
                 "\" is no role; known are reader, client, member, operator, "
                 "approver, admin");
      }
      out = static_cast<Roles>(out | row->with);
    }
    if (out == 0) stop(node, path, "names no role");
    return out;
  }

  Digest digest(const YAML::Node& node, const std::string& path) const {
    const std::string hex = text(node, path);
    Digest out{};
    bool good = hex.size() == 2 * out.size();
    for (size_t i = 0; good && i < hex.size(); ++i) {
      const char c = hex[i];
      int value = -1;
      if (c >= '0' && c <= '9') value = c - '0';
      if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
      if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
      good = value >= 0;
      if (good) out[i / 2] = static_cast<uint8_t>(out[i / 2] << 4 | value);
    }
    if (!good) stop(node, path, "must be a SHA-256 of 64 hex digits (sha256sum prints one)");
    return out;
  }

  Ceiling ceiling(const YAML::Node& node, const std::string& path) const {
    check_map(node, path, {"trustScore", "reliability", "compliance"});
    const auto score = [&](const char* name) -> std::optional<uint32_t> {
      const YAML::Node value = node[name];
      if (!value) return std::nullopt;
      const auto document = value.IsScalar() ? json::Document::parse(value.Scalar())
                                             : Result<json::Document>(fail({}, ""));
      const bool number = document && document->root().kind() == json::Kind::kNumber;
      const auto read = number ? json::thousandths(document->root().raw()) : std::nullopt;
      if (!read) stop(value, path + "." + name, "must be a number from 0 to 1");
      return read;
    };
    Ceiling out;
    out.trust = score("trustScore");
    out.reliability = score("reliability");
    if (const auto list = node["compliance"]) {
      out.compliance = texts(list, path + ".compliance");
    }
    return out;
  }

  std::string name_;
};

}  // namespace

std::string role_names(Roles roles) {
  std::string out;
  for (const auto& row : kRoles) {
    if ((roles & row.role) == 0) continue;
    out += (out.empty() ? "" : " or ") + std::string(row.name);
  }
  return out;
}

bool Principal::sees(std::string_view ns) const {
  return all_namespaces || std::find(namespaces.begin(), namespaces.end(), ns) != namespaces.end();
}

Auth::Auth(std::string path) : path_(std::move(path)) {
  if (!path_.empty()) return;
  Principal admin;
  admin.name = "local";
  admin.roles = kAllRoles;
  admin.all_namespaces = true;
  admin_ = std::make_shared<Principal>(std::move(admin));
}

Result<bool> Auth::reload() {
  if (path_.empty()) return true;
  std::ifstream file(path_, std::ios::binary);
  std::string yaml;
  if (file) yaml.assign(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad()) {
    return invalid("flag:--auth-file", path_ + " cannot be read");
  }
  if (yaml.size() > kMaxFile) return invalid("flag:--auth-file", path_ + " is over 16 MiB");
  auto entries = parse(yaml, path_);
  if (!entries) return tl::unexpected(entries.error());
  entries_ = std::move(*entries);
  return true;
}

std::shared_ptr<const Principal> Auth::find(std::string_view token) const {
  if (everyone_is_admin()) return admin_;
  const Digest digest = sha256(token);
  std::shared_ptr<const Principal> found;
  for (const auto& entry : entries_) {
    if (equal_in_constant_time(entry.sha256, digest)) found = entry.principal;
  }
  return found;
}

Result<std::vector<Auth::Entry>> Auth::parse(const std::string& yaml,
                                             const std::string& file_name) {
  try {
    return AuthFile(file_name).read(yaml);
  } catch (const Fault& fault) {
    return invalid("flag:--auth-file", fault.text);
  } catch (const YAML::Exception& exception) {
    return invalid("flag:--auth-file", file_name + ":" + std::to_string(exception.mark.line + 1) +
                                           ":" + std::to_string(exception.mark.column + 1) + ": " +
                                           exception.msg);
  }
}

}  // namespace phoenix
