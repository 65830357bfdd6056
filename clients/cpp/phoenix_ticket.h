// Checks tickets of PhoenixFlight in tools that are no part of it. One header, C++17; needs
// libsodium (link with -lsodium, call sodium_init() once), the public key of the pool's root (where
// it has none, those of its hosts), and a clock that is right within half a second.
//
//   phoenixflight::TicketChecker checker;
//   if (!checker.trust(text_of("h1.pub"))) …            a *.pub file of the pool, its whole text
//   phoenixflight::Ticket ticket;
//   const std::string why = checker.check(text, now_ms, seen_epoch, ticket);
//   if (why.empty()) …                                  good: apply the effect, remember the epoch
//
// `why` is "bad-form", "unknown-key", "bad-signature", "wrong-statement", "expired", "stale-epoch"
// or "clock-behind". `seen_epoch` is the highest epoch that was seen of that packet; 0: none. That
// an effect happens once is the tool's to see to: by (packet, name of the effect), not by epoch.
// Throws nothing but what the standard library throws when memory ends.
#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenixflight {

struct Ticket {
  std::string pool, name_space, packet;
  uint64_t epoch = 0;
  std::string owner;
  uint64_t incarnation = 0;  // which life of the owner
  std::vector<std::string> scopes;
  int64_t issued_at_ms = 0;  // since 1970, by the clock of the host
  int64_t expires_at_ms = 0;
};

namespace detail {

constexpr int64_t kSkewMs = 500;
using Bytes = std::string_view;

// Reads the shortest msgpack and nothing else; after a wrong byte all that it reads is empty, and
// ok() says so.
class Reader {
 public:
  explicit Reader(Bytes bytes) : left_(bytes) {}
  bool done() const { return ok_ && left_.empty(); }
  bool ok() const { return ok_; }
  void refuse() { ok_ = false, left_ = {}; }
  bool nil() {
    if (left_.empty() || byte(0) != 0xc0) return false;
    left_.remove_prefix(1);
    return true;
  }
  size_t array() { return sized(0x90, 15, 0, 0xdc); }
  Bytes text() { return part(sized(0xa0, 31, 0xd9, 0xda)); }
  Bytes bin() { return part(sized(0, 0, 0xc4, 0xc5)); }
  std::array<uint8_t, 32> digest() {
    std::array<uint8_t, 32> value{};
    const Bytes bytes = bin();
    if (bytes.size() == value.size()) {
      std::memcpy(value.data(), bytes.data(), value.size());
    } else {
      refuse();
    }
    return value;
  }
  uint64_t number() {
    const uint8_t tag = left_.empty() ? 0xc0 : byte(0);
    if (tag < 0x80) return left_.remove_prefix(1), tag;
    if (tag < 0xcc || tag > 0xcf) return refuse(), 0;
    const size_t width = size_t{1} << (tag - 0xcc);
    const uint64_t value = big_endian(width);
    const uint64_t least = width == 1 ? 0x80 : uint64_t{1} << (4 * width);
    return value < least ? (refuse(), 0) : value;
  }
  // Times are later than 1970 in every ticket, and their highest bit is free.
  int64_t time() {
    const uint64_t value = number();
    if (value > INT64_MAX) refuse();
    return ok_ ? static_cast<int64_t>(value) : 0;
  }
  // An array of so many fields, of which the first is the form's version.
  void head(size_t fields) {
    if (array() != fields || number() != 1) refuse();
  }

 private:
  uint8_t byte(size_t at) const { return static_cast<uint8_t>(left_[at]); }
  uint64_t big_endian(size_t width) {
    if (left_.size() < 1 + width) return refuse(), 0;
    uint64_t value = 0;
    for (size_t i = 1; i <= width; ++i) value = value << 8 | byte(i);
    left_.remove_prefix(1 + width);
    return value;
  }
  // One byte of tag and size, or a tag and a size of one or two bytes; a tag of 0: there is none.
  size_t sized(uint8_t tag, uint8_t most, uint8_t one, uint8_t two) {
    const uint8_t got = left_.empty() ? 0xc0 : byte(0);
    if (tag != 0 && got >= tag && got <= tag + most) return left_.remove_prefix(1), got - tag;
    const bool wide = got == two;
    if (!wide && (one == 0 || got != one)) return refuse(), 0;
    const size_t size = big_endian(wide ? 2 : 1);
    const size_t less = wide ? (one != 0 ? 0xff : most) : most;
    const bool shorter = (wide || tag != 0) && size <= less;
    return shorter ? (refuse(), 0) : size;
  }
  Bytes part(size_t size) {
    if (!ok_ || left_.size() < size) return refuse(), Bytes{};
    const Bytes value = left_.substr(0, size);
    left_.remove_prefix(size);
    return value;
  }

  Bytes left_;
  bool ok_ = true;
};

inline std::array<uint8_t, 32> sha256(uint8_t first, Bytes a, Bytes b = {}) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  const auto add = [&state](Bytes bytes) {
    crypto_hash_sha256_update(&state, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  };
  if (first < 2) crypto_hash_sha256_update(&state, &first, 1);
  add(a);
  add(b);
  std::array<uint8_t, 32> digest;
  crypto_hash_sha256_final(&state, digest.data());
  return digest;
}
inline Bytes view(const std::array<uint8_t, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Whether the leaf at `at` of the tree of `size` leaves leads to the root (RFC 9162, 2.1.3.2).
inline bool leads_to(Bytes leaf, uint64_t at, uint64_t size,
                     const std::vector<std::array<uint8_t, 32>>& path,
                     const std::array<uint8_t, 32>& root) {
  if (at >= size) return false;
  uint64_t last = size - 1;
  auto node = sha256(0, leaf);
  for (const auto& sibling : path) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      node = sha256(1, view(sibling), view(node));
      while ((at & 1) == 0 && at != 0) at >>= 1, last >>= 1;
    } else {
      node = sha256(1, view(node), view(sibling));
    }
    at >>= 1, last >>= 1;
  }
  return last == 0 && node == root;
}

inline bool from_base64(Bytes text, std::string& bytes) {
  bytes.resize(text.size());
  size_t size = 0;
  const char* end = nullptr;
  const bool good =
      sodium_base642bin(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
      end == text.data() + text.size();
  bytes.resize(good ? size : 0);
  return good;
}

}  // namespace detail

class TicketChecker {
 public:
  // The text of a public key of a host, or of the pool's root; false if it is neither.
  bool trust(std::string_view text) {
    const auto line = [&text] {
      const auto end = text.find('\n');
      const auto one = text.substr(0, end);
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
      return one;
    };
    const auto role = line();
    line();  // name
    line();  // id
    if (line() != "-----BEGIN PUBLIC KEY-----") return false;
    std::string der;
    if (!detail::from_base64(line(), der) || der.size() != 44) return false;
    if (role != "role: host" && role != "role: root") return false;
    (role == "role: host" ? hosts_ : roots_).push_back(der.substr(der.size() - 32));
    return true;
  }

  // Empty: it is good, and `ticket` is what it says.
  std::string check(std::string_view text, int64_t now_ms, uint64_t seen_epoch,
                    Ticket& ticket) const {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    std::string bytes;
    if (!detail::from_base64(text, bytes)) return "bad-form";
    std::string why = signed_ticket(bytes, ticket);
    if (!why.empty()) return why;
    if (ticket.issued_at_ms > now_ms + detail::kSkewMs) return "clock-behind";
    if (now_ms >= ticket.expires_at_ms) return "expired";
    return ticket.epoch < seen_epoch ? "stale-epoch" : "";
  }

 private:
  using Bytes = std::string_view;
  using Keys = std::vector<std::string>;

  static std::string id_of(Bytes key) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto digest = detail::sha256(2, key);
    std::string id;
    for (size_t i = 0; i < 8; ++i) id += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
    return id;
  }

  // What one of the keys has signed, and as what; or why it is not.
  static std::string open(Bytes envelope, const Keys& keys, Bytes& type, Bytes& payload) {
    detail::Reader in(envelope);
    in.head(5);
    type = in.text();
    const Bytes key_id = in.text();
    payload = in.bin();
    const Bytes signature = in.bin();
    const bool is_id =
        key_id.size() == 16 && key_id.find_first_not_of("0123456789abcdef") == Bytes::npos;
    if (!in.done() || !is_id || signature.size() != crypto_sign_BYTES) return "bad-form";
    std::string said = "DSSEv1 " + std::to_string(type.size()) + " ";
    said.append(type)
        .append(" ")
        .append(std::to_string(payload.size()))
        .append(" ")
        .append(payload);
    for (const std::string& key : keys) {
      if (id_of(key) != key_id) continue;
      const bool holds =
          crypto_sign_verify_detached(reinterpret_cast<const uint8_t*>(signature.data()),
                                      reinterpret_cast<const uint8_t*>(said.data()), said.size(),
                                      reinterpret_cast<const uint8_t*>(key.data())) == 0;
      return holds ? "" : "bad-signature";
    }
    return "unknown-key";
  }

  static bool read(Bytes payload, Ticket& ticket) {
    detail::Reader in(payload);
    in.head(9);
    ticket.pool = in.text();
    ticket.name_space = in.text();
    ticket.packet = in.text();
    ticket.epoch = in.number();
    if (in.array() != 2) in.refuse();
    ticket.owner = in.text();
    ticket.incarnation = in.number();
    ticket.scopes.clear();
    for (size_t i = in.array(); i > 0 && in.ok(); --i) ticket.scopes.emplace_back(in.text());
    ticket.issued_at_ms = in.time();
    ticket.expires_at_ms = in.time();
    return in.done();
  }

  // The key that a trusted root has granted to a host, and for which pool; or why there is none.
  std::string granted(Bytes grant, std::string& key, std::string& pool) const {
    Bytes type, payload;
    std::string why = open(grant, roots_, type, payload);
    if (!why.empty()) return why;
    detail::Reader in(payload);
    in.head(5);
    pool = in.text();
    in.text();  // the host's name
    key = in.bin();
    in.time();
    const bool good = in.done() && key.size() == 32 && type == kType + "key-grant";
    return good ? "" : "bad-form";
  }

  std::string signed_ticket(Bytes bytes, Ticket& ticket) const {
    detail::Reader in(bytes);
    in.head(6);
    const Bytes grant = in.nil() ? Bytes{} : in.bin();
    const Bytes said = in.bin();
    const Bytes envelope = in.bin();
    const uint64_t at = in.number();
    std::vector<std::array<uint8_t, 32>> path;
    const size_t length = in.array();
    for (size_t i = 0; i < length && i < 64 && in.ok(); ++i) path.push_back(in.digest());
    if (!in.done()) return "bad-form";
    Keys hosts = roots_.empty() ? hosts_ : Keys();
    std::string pool;
    if (!grant.empty()) {
      std::string key;
      const std::string why = granted(grant, key, pool);
      // Of a root that is not trusted it says nothing. Where none is, a host's key may be known by
      // itself.
      if (why.empty()) hosts.push_back(key);
      if (!why.empty() && why != "unknown-key") return why;
    }
    Bytes type, payload;
    std::string why = open(envelope, hosts, type, payload);
    if (!why.empty()) return why;
    if (type == kType + "batch") {
      why = in_batch(payload, said, at, path, pool);
      if (!why.empty()) return why;
    } else if (type != kType + "ticket" || payload != said || at != 0 || !path.empty()) {
      return "wrong-statement";
    }
    if (!read(said, ticket)) return "bad-form";
    return pool.empty() || pool == ticket.pool ? "" : "wrong-statement";
  }

  // `pool` becomes the batch's; it has to be that of the grant, if there is one.
  static std::string in_batch(Bytes payload, Bytes said, uint64_t at,
                              const std::vector<std::array<uint8_t, 32>>& path, std::string& pool) {
    detail::Reader batch(payload);
    batch.head(5);
    const Bytes of_pool = batch.text();
    const Bytes of = batch.text();
    const uint64_t size = batch.number();
    const auto root = batch.digest();
    if (!batch.done()) return "bad-form";
    const bool same = pool.empty() || pool == of_pool;
    if (!same || of != kType + "ticket" || !detail::leads_to(said, at, size, path, root)) {
      return "wrong-statement";
    }
    pool = of_pool;
    return "";
  }

  inline static const std::string kType = "application/vnd.phoenixflight.";
  Keys hosts_, roots_;
};

}  // namespace phoenixflight
