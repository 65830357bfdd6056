#include "policy/contract/path.h"

#include <algorithm>

#include "base/key.h"

namespace phoenix::policy {
namespace {

constexpr size_t kMostKeys = 16;
constexpr size_t kMostKeyBytes = 255;

// Takes the first key off.
std::string_view take_key(std::string_view& path) {
  const size_t dot = path.find('.');
  const std::string_view key = path.substr(0, dot);
  path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
  return key;
}

}  // namespace

bool valid_path(std::string_view path) {
  if (path.empty() || path.back() == '.') return false;
  size_t keys = 0;
  while (!path.empty()) {
    const std::string_view key = take_key(path);
    if (key.empty() || key.size() > kMostKeyBytes || ++keys > kMostKeys || !valid_utf8(key)) {
      return false;
    }
  }
  return true;
}

std::optional<json::Value> at_path(json::Value value, std::string_view path) {
  while (value.kind() == json::Kind::kObject) {
    const auto member = value.find(take_key(path));
    if (!member || path.empty()) return member;
    value = *member;
  }
  return std::nullopt;
}

PathSet::PathSet(const std::vector<std::string>& paths) {
  for (const std::string& text : paths) {
    Path& path = paths_.emplace_back();
    path.place = paths_.size() - 1;
    std::string_view rest = text;
    while (!rest.empty()) path.keys.emplace_back(take_key(rest));
  }
  std::sort(paths_.begin(), paths_.end(),
            [](const Path& one, const Path& other) { return one.keys < other.keys; });
}

std::vector<std::optional<json::Value>> PathSet::find(const json::Value& root) const {
  Found found(paths_.size());
  if (root.kind() == json::Kind::kObject) walk(root, 0, paths_.size(), 0, found);
  return found;
}

void PathSet::walk(const json::Value& object, size_t from, size_t to, size_t depth,
                   Found& found) const {
  for (auto members = object.children(); !members.done();) {
    const std::string key = members.take().string();
    const json::Value value = members.take();
    const auto begin = paths_.begin() + static_cast<ptrdiff_t>(from);
    const auto end = paths_.begin() + static_cast<ptrdiff_t>(to);
    auto at = std::lower_bound(begin, end, key, [depth](const Path& path, const std::string& k) {
      return path.keys[depth] < k;
    });
    // Paths that end here come before those that go on.
    for (; at != end && at->keys[depth] == key && at->keys.size() == depth + 1; ++at) {
      found[at->place] = value;
    }
    const auto last =
        std::find_if(at, end, [&key, depth](const Path& path) { return path.keys[depth] != key; });
    if (at != last && value.kind() == json::Kind::kObject) {
      walk(value, static_cast<size_t>(at - paths_.begin()),
           static_cast<size_t>(last - paths_.begin()), depth + 1, found);
    }
  }
}

}  // namespace phoenix::policy
