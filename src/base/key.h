// (namespace, id): the key of packets and of members. One string, "namespace/id"; neither part can
// contain a slash ([A-Za-z0-9][A-Za-z0-9._-]{0,127}), so the text is unambiguous.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace phoenix {

template <class Tag>
class Key {
 public:
  Key() = default;
  Key(std::string_view ns, std::string_view id) {
    text_.reserve(ns.size() + 1 + id.size());
    text_.append(ns).append(1, '/').append(id);
  }
  static Key from_text(std::string text) {
    Key key;
    key.text_ = std::move(text);
    return key;
  }
  std::string_view ns() const { return std::string_view(text_).substr(0, text_.find('/')); }
  std::string_view id() const { return std::string_view(text_).substr(text_.find('/') + 1); }
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Key&) const = default;
  bool operator==(const Key&) const = default;

 private:
  std::string text_;
};

using PacketKey = Key<struct PacketTag>;
using MemberKey = Key<struct MemberTag>;

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}
bool valid_id(std::string_view text);
// 1..255 bytes of UTF-8 without control characters.
bool valid_name(std::string_view text);
// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms.
bool valid_utf8(std::string_view text);

}  // namespace phoenix

template <class Tag>
struct std::hash<phoenix::Key<Tag>> {
  size_t operator()(const phoenix::Key<Tag>& key) const noexcept {
    return std::hash<std::string>{}(key.text());
  }
};
