// For tests: any message that hosts may send, and all that one says as text.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/prng.h"
#include "cluster/test_fields.h"

namespace phoenix::testing_cluster {

template <class V>
concept HasFields = requires(V& value) { fields(value, [](auto&...) {}); };

// --- all that is said, as text ---

template <class T>
std::string text_of(const T& value);

template <class... T>
std::string joined(const T&... values) {
  return ((text_of(values) + " ") + ... + std::string());
}

template <class T>
struct TextOf {
  static std::string text(const T& value) {
    if constexpr (HasFields<const T>) {
      return "{ " + fields(value, [](const auto&... all) { return joined(all...); }) + "}";
    } else if constexpr (std::is_empty_v<T>) {
      return "{}";
    } else {
      return std::to_string(static_cast<int64_t>(value));
    }
  }
};
template <>
struct TextOf<std::string> {
  static std::string text(const std::string& value) { return "'" + value + "'"; }
};
template <>
struct TextOf<RareText> {
  static std::string text(std::string_view value) { return text_of(std::string(value)); }
};
template <>
struct TextOf<Names> {
  static std::string text(const Names& value) { return text_of(value.list()); }
};
template <class Tag>
struct TextOf<Key<Tag>> {
  static std::string text(const Key<Tag>& value) { return value.text(); }
};
template <class T>
struct TextOf<std::optional<T>> {
  static std::string text(const std::optional<T>& value) {
    return value ? text_of(*value) : "none";
  }
};
template <class T>
struct TextOf<std::shared_ptr<T>> {
  static std::string text(const std::shared_ptr<T>& value) {
    return value ? text_of(*value) : "null";
  }
};
template <class A, class B>
struct TextOf<std::pair<A, B>> {
  static std::string text(const std::pair<A, B>& value) {
    return text_of(value.first) + ":" + text_of(value.second);
  }
};
template <class List>
std::string text_of_list(const List& list) {
  std::string text = "[ ";
  for (const auto& item : list) text += text_of(item) + " ";
  return text + "]";
}
template <class T>
struct TextOf<std::vector<T>> {
  static std::string text(const std::vector<T>& value) { return text_of_list(value); }
};
template <class T, size_t N>
struct TextOf<std::array<T, N>> {
  static std::string text(const std::array<T, N>& value) { return text_of_list(value); }
};
template <class T>
struct TextOf<tl::expected<T, Error>> {
  static std::string text(const tl::expected<T, Error>& value) {
    return value ? text_of(*value) : "refused " + text_of(value.error());
  }
};
template <class... T>
struct TextOf<std::variant<T...>> {
  static std::string text(const std::variant<T...>& value) {
    return std::to_string(value.index()) + "=" +
           std::visit([](const auto& one) { return text_of(one); }, value);
  }
};
template <class T>
std::string text_of(const T& value) {
  return TextOf<std::remove_const_t<T>>::text(value);
}

// --- any message ---

template <class Enum>
constexpr int kCount = 0;
template <>
inline constexpr int kCount<ErrorKind> = kErrorKinds;
template <>
inline constexpr int kCount<CapabilityMatch> = 2;
template <>
inline constexpr int kCount<Spread> = 3;
template <>
inline constexpr int kCount<Status> = kStatuses;
template <>
inline constexpr int kCount<ParkReason> = 8;
template <>
inline constexpr int kCount<Call> = 6;
template <>
inline constexpr int kCount<ContentKind> = kContentKinds;
template <>
inline constexpr int kCount<IdSource> = 3;
template <>
inline constexpr int kCount<MemberKind> = kMemberKinds;
template <>
inline constexpr int kCount<MemberStatus> = kMemberStatuses;
template <>
inline constexpr int kCount<SessionState> = 5;
template <>
inline constexpr int kCount<RevokeReason> = 7;
template <>
inline constexpr int kCount<Order> = 4;
template <>
inline constexpr int kCount<TurnReason> = 3;
template <>
inline constexpr int kCount<DocumentKind> = 4;
template <>
inline constexpr int kCount<DocumentsReply::Change> = 4;

// Fills a value with what may be sent; all widths of numbers alike. Every text is one that may be
// an id, and every list of texts is in order.
class Filler {
 public:
  explicit Filler(uint64_t seed) : prng_(seed) {}

  template <class T>
  void fill(T& value) {
    if constexpr (std::is_enum_v<T>) {
      static_assert(kCount<T> > 0);
      value = static_cast<T>(prng_.below(kCount<T>));
    } else if constexpr (HasFields<T>) {
      fields(value, [this](auto&... all) { (this->fill(all), ...); });
    } else if constexpr (std::is_same_v<T, bool>) {
      value = prng_.chance(1, 2);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(prng_.next() >> prng_.below(64));
    } else {
      static_assert(std::is_empty_v<T>);
    }
    mend(value);
  }

  void fill(std::string& value) {
    value.clear();
    const std::string first = "abcXYZ0189";
    const std::string later = first + "._-";
    value += first[prng_.below(first.size())];
    for (uint64_t left = prng_.below(prng_.chance(1, 8) ? 127 : 12); left > 0; --left) {
      value += later[prng_.below(later.size())];
    }
  }
  void fill(RareText& value) { value = any<std::string>(); }
  void fill(std::vector<std::string>& value) {
    std::set<std::string> texts;
    for (uint64_t left = prng_.below(4); left > 0; --left) texts.insert(any<std::string>());
    value.assign(texts.begin(), texts.end());
  }
  void fill(Names& value) { value = any<std::vector<std::string>>(); }
  template <class Tag>
  void fill(Key<Tag>& value) {
    value = Key<Tag>(any<std::string>(), any<std::string>());
  }
  template <class T>
  void fill(std::optional<T>& value) {
    value.reset();
    if (prng_.chance(2, 3)) value = any<T>();
  }
  template <class T>
  void fill(std::shared_ptr<T>& value) {
    value = std::make_shared<T>(any<std::remove_const_t<T>>());
  }
  template <class A, class B>
  void fill(std::pair<A, B>& value) {
    fill(value.first);
    fill(value.second);
  }
  template <class T>
  void fill(std::vector<T>& value) {
    value.clear();
    for (uint64_t left = prng_.below(4); left > 0; --left) value.push_back(any<T>());
  }
  template <class T, size_t N>
  void fill(std::array<T, N>& value) {
    for (T& item : value) fill(item);
  }
  template <class T>
  void fill(tl::expected<T, Error>& value) {
    if (prng_.chance(1, 4)) {
      value = tl::unexpected(any<Error>());
    } else {
      value = any<T>();
    }
  }
  template <class... T>
  void fill(std::variant<T...>& value) {
    fill_kind(value, prng_.below(sizeof...(T)));
  }
  template <size_t kKind = 0, class... T>
  void fill_kind(std::variant<T...>& value, size_t kind) {
    if constexpr (kKind < sizeof...(T)) {
      if (kind != kKind) return fill_kind<kKind + 1>(value, kind);
      value.template emplace<kKind>(any<std::variant_alternative_t<kKind, std::variant<T...>>>());
    }
  }

  template <class T>
  T any() {
    T value{};
    fill(value);
    return value;
  }
  Prng& prng() { return prng_; }

 private:
  uint32_t between(uint32_t first, uint32_t last) {
    return static_cast<uint32_t>(prng_.between(first, last));
  }

  std::string any_key() {
    std::string key(prng_.chance(1, 2) ? kPublicKeyBytes : 0, '\0');
    for (char& byte : key) byte = static_cast<char>(prng_.next());
    return key;
  }

  // What the types do not say by themselves.
  template <class T>
  void mend(T&) {}
  void mend(Duration& value) { value.ns &= INT64_MAX; }
  void mend(PacketSpec& value) {
    value.priority = static_cast<int32_t>(prng_.between(-1000, 1000));
    value.load = between(1, 1'000'000);
    std::sort(value.labels.begin(), value.labels.end());
    const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
    value.labels.erase(std::unique(value.labels.begin(), value.labels.end(), same),
                       value.labels.end());
  }
  void mend(ContentInfo& value) {
    if (!value.present) value = {};
  }
  void mend(Packet& value) {
    if (value.status == Status::kRunning) value.status = Status::kAssigned;  // as stored
    if (!value.owner) value.owner = any<Owner>();
    if (value.legs == 0) value.last_leg = {};
  }
  void mend(MemberRecord& value) {
    value.weight = between(1, 10'000);
    value.max_load = between(1, 1'000'000);
    value.trust = between(0, 1000);
    value.reliability = between(0, 1000);
    std::sort(value.labels.begin(), value.labels.end());
    const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
    value.labels.erase(std::unique(value.labels.begin(), value.labels.end(), same),
                       value.labels.end());
    value.public_key = any_key();
    value.next_key = any_key();
    value.former_key = any_key();
    if (value.status != MemberStatus::kRetired) value.uncertified = false;
  }
  void mend(SessionRecord& value) {
    value.lease_seconds = between(1, 3600);
    if (value.home.life == 0) value.home.life = 1;
  }
  void mend(Register& value) {
    value.lease_seconds = between(1, 3600);
    if (!value.proofs.empty()) value.proofs.resize(value.members.size());
  }
  void mend(AddMembers& value) {
    if (!value.proofs.empty()) value.proofs.resize(value.members.size());
  }
  void mend(PatchMember& value) {
    if (value.next_key) value.next_key = any_key();
  }
  void mend(BatchReply& value) {
    value.ids.clear();
    for (size_t i = 0; i < value.items.size(); ++i) value.ids.push_back(any<std::string>());
  }
  DocumentKind any_kind() { return static_cast<DocumentKind>(between(1, 3)); }
  void mend(DocumentKey& value) { value.kind = any_kind(); }
  void mend(Document& value) {
    value.revision |= 1;
    if (value.deleted) value.text.clear();
  }
  void mend(ApplyDocuments::Item& value) { value.kind = any_kind(); }
  void mend(DeliverAll& value) {
    for (SlotId& slot : value.slots) slot = static_cast<SlotId>(slot % kSlots);
    std::sort(value.slots.begin(), value.slots.end());
    value.slots.erase(std::unique(value.slots.begin(), value.slots.end()), value.slots.end());
    if (!value.last) value.slots.clear();
  }
  void mend(SlotsFreed& value) {
    for (SlotId& slot : value.slots) slot = static_cast<SlotId>(slot % kSlots);
    std::sort(value.slots.begin(), value.slots.end());
    value.slots.erase(std::unique(value.slots.begin(), value.slots.end()), value.slots.end());
  }
  void mend(PeerCall& value) { value.hops = static_cast<uint8_t>(between(1, kMaxHops)); }
  void mend(ContentsWanted& value) { value.mask &= (1u << kContentKinds) - 1; }

  Prng prng_;
};

}  // namespace phoenix::testing_cluster
