#include "policy/cel/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace phoenix::cel {
namespace {

Type make_plain(Kind kind, const Type* any) {
  Type type;
  type.kind = kind;
  if (kind == Kind::kList || kind == Kind::kMap) type.element = any;
  if (kind == Kind::kMap) type.key = any;
  if (kind == Kind::kString || kind == Kind::kBytes) type.bound = kUnknownBytes;
  if (kind == Kind::kList || kind == Kind::kMap || kind == Kind::kDyn) type.bound = kUnknownItems;
  return type;
}

constexpr size_t kKinds = static_cast<size_t>(Kind::kError) + 1;

std::array<Type, kKinds> make_plain_types(const Type* any) {
  std::array<Type, kKinds> types;
  for (size_t index = 0; index < kKinds; ++index) {
    types[index] = make_plain(static_cast<Kind>(index), any);
  }
  return types;
}

// The words of `path` behind `prefix`; empty if it does not start with it.
std::string_view behind(std::string_view path, std::string_view prefix) {
  if (prefix.empty()) return path;
  if (path.size() <= prefix.size() || !path.starts_with(prefix) || path[prefix.size()] != '.') {
    return {};
  }
  return path.substr(prefix.size() + 1);
}

}  // namespace

const Type& plain_type(Kind kind) {
  static const Type any = make_plain(Kind::kDyn, nullptr);
  static const std::array<Type, kKinds> types = make_plain_types(&any);
  return types[static_cast<size_t>(kind)];
}

std::string type_text(const Type& type) {
  if (type.kind == Kind::kList) return fmt::format("list({})", type_text(*type.element));
  if (type.kind == Kind::kMap) {
    return fmt::format("map({}, {})", type_text(*type.key), type_text(*type.element));
  }
  if (type.kind == Kind::kTimestamp) return "timestamp";
  if (type.kind == Kind::kDuration) return "duration";
  return std::string(kind_name(type.kind));
}

uint16_t Schema::add_type(std::string path, const Type* type) {
  fields_.push_back({std::move(path), type, next_});
  return next_++;
}

void Schema::add_spelling(std::string path, uint16_t slot) {
  const auto field = std::find_if(fields_.begin(), fields_.end(),
                                  [slot](const Field& one) { return one.slot == slot; });
  if (field == fields_.end()) return;
  const Type* type = field->type;
  fields_.push_back({std::move(path), type, slot, true});
}

uint16_t Schema::add(std::string path, Kind kind) {
  return add_type(std::move(path), &plain_type(kind));
}

uint16_t Schema::add_text(std::string path, uint32_t most_bytes) {
  return add_type(std::move(path),
                  &types_.emplace_back(Type{Kind::kString, nullptr, nullptr, most_bytes}));
}

uint16_t Schema::add_texts(std::string path, uint32_t most_items, uint32_t most_bytes) {
  const Type* text = &types_.emplace_back(Type{Kind::kString, nullptr, nullptr, most_bytes});
  return add_type(std::move(path),
                  &types_.emplace_back(Type{Kind::kList, nullptr, text, most_items}));
}

uint16_t Schema::add_text_map(std::string path, uint32_t most_items, uint32_t most_bytes) {
  const Type* text = &types_.emplace_back(Type{Kind::kString, nullptr, nullptr, most_bytes});
  return add_type(std::move(path), &types_.emplace_back(Type{Kind::kMap, text, text, most_items}));
}

const Schema::Field* Schema::find(std::string_view path) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [path](const Field& field) { return field.path == path; });
  return found == fields_.end() ? nullptr : &*found;
}

std::string_view Schema::path_of(uint16_t slot) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [slot](const Field& field) { return field.slot == slot; });
  return found == fields_.end() ? std::string_view() : found->path;
}

bool Schema::has_below(std::string_view path) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [path](const Field& field) { return !behind(field.path, path).empty(); });
}

std::vector<std::string_view> Schema::words_below(std::string_view path) const {
  std::vector<std::string_view> words;
  for (const Field& field : fields_) {
    if (field.other) continue;
    const std::string_view rest = behind(field.path, path);
    const std::string_view word = rest.substr(0, rest.find('.'));
    if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) {
      words.push_back(word);
    }
  }
  return words;
}

}  // namespace phoenix::cel
