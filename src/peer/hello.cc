#include "peer/hello.h"

#include <algorithm>
#include <array>

#include "base/msgpack.h"

namespace phoenix::peer {
namespace {

constexpr std::string_view kMagic = "PHXL";
constexpr size_t kMaxText = 255;
constexpr uint32_t kMaxDifferences = 8;
constexpr uint32_t kHelloFields = 10;
constexpr uint64_t kMaxBeatMs = 60'000;

void append_u16(std::string& out, uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

uint16_t u16_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 |
                               static_cast<uint8_t>(bytes[at + 1]));
}

std::string text(MsgpackReader& in) {
  const std::string_view read = in.str();
  if (read.size() > kMaxText) in.reject();
  return in.ok() ? std::string(read) : std::string();
}

HostLife life(MsgpackReader& in) {
  HostLife out;
  out.host = text(in);
  out.life = in.uint();
  if (out.host.empty() || out.life == 0) in.reject();
  return out;
}

std::string_view meaning(RefusalCode code) {
  switch (code) {
    case RefusalCode::kProtocol:
      return "no common protocol";
    case RefusalCode::kIdentity:
      return "not of one pool and store";
    case RefusalCode::kOtherHost:
      return "not the host that is wanted";
    case RefusalCode::kNotInView:
      return "not in the view";
    case RefusalCode::kDuplicate:
      return "connected already";
    case RefusalCode::kCertificate:
      return "the certificate does not name the host";
  }
  return "";
}

}  // namespace

std::string encode(const Opening& opening) {
  std::string out(kMagic);
  append_u16(out, opening.oldest);
  append_u16(out, opening.newest);
  return out;
}

std::optional<Opening> decode_opening(std::string_view bytes) {
  if (bytes.size() != kOpeningBytes || !may_be_opening(bytes)) return std::nullopt;
  const Opening out{u16_at(bytes, 4), u16_at(bytes, 6)};
  if (out.oldest == 0 || out.oldest > out.newest) return std::nullopt;
  return out;
}

bool may_be_opening(std::string_view bytes) {
  const size_t size = std::min(bytes.size(), kMagic.size());
  return bytes.substr(0, size) == kMagic.substr(0, size);
}

uint16_t common_protocol(const Opening& ours, const Opening& theirs) {
  const uint16_t highest = std::min(ours.newest, theirs.newest);
  return highest >= std::max(ours.oldest, theirs.oldest) ? highest : uint16_t{0};
}

std::string encode(const Hello& hello) {
  std::string out;
  MsgpackWriter write(out);
  write.array(kHelloFields);
  write.str(hello.identity.pool);
  write.str(hello.identity.store);
  write.str(hello.identity.ring_fingerprint);
  write.uint(hello.identity.vnode_factor);
  write.str(hello.self.host);
  write.uint(hello.self.life);
  write.str(hello.wanted.host);
  write.uint(hello.wanted.life);
  write.uint(hello.features);
  write.uint(static_cast<uint64_t>(hello.beat.ms()));
  return out;
}

std::optional<Hello> decode_hello(std::string_view bytes) {
  MsgpackReader in(bytes);
  Hello out;
  in.array_of(kHelloFields);
  out.identity.pool = text(in);
  out.identity.store = text(in);
  out.identity.ring_fingerprint = text(in);
  out.identity.vnode_factor = static_cast<uint32_t>(in.uint(UINT32_MAX));
  out.self = life(in);
  out.wanted = life(in);
  out.features = in.uint();
  out.beat = milliseconds(static_cast<int64_t>(in.uint(kMaxBeatMs)));
  if (out.beat.ns == 0) in.reject();
  if (!in.at_end()) return std::nullopt;
  return out;
}

std::string encode(const Refusal& refusal) {
  std::string out;
  MsgpackWriter write(out);
  const size_t count = std::min<size_t>(refusal.differences.size(), kMaxDifferences);
  write.array(2);
  write.uint(static_cast<uint64_t>(refusal.code));
  write.array(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) {
    const Difference& at = refusal.differences[i];
    write.array(3);
    for (const std::string* value : {&at.field, &at.theirs, &at.ours}) {
      write.str(std::string_view(*value).substr(0, kMaxText));
    }
  }
  return out;
}

std::optional<Refusal> decode_refusal(std::string_view bytes) {
  MsgpackReader in(bytes);
  Refusal out;
  in.array_of(2);
  out.code = static_cast<RefusalCode>(in.uint(static_cast<uint64_t>(RefusalCode::kCertificate)));
  const uint32_t count = in.array();
  if (count > kMaxDifferences) in.reject();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    in.array_of(3);
    Difference& at = out.differences.emplace_back();
    at.field = text(in);
    at.ours = text(in);
    at.theirs = text(in);
  }
  if (!in.at_end()) return std::nullopt;
  return out;
}

std::vector<Difference> differences(const Identity& ours, const Identity& theirs) {
  std::vector<Difference> out;
  const auto compare = [&](std::string_view field, const std::string& a, const std::string& b) {
    if (a != b) out.push_back({std::string(field), a, b});
  };
  compare("pool", ours.pool, theirs.pool);
  compare("store", ours.store, theirs.store);
  compare("ring key", ours.ring_fingerprint, theirs.ring_fingerprint);
  compare("v-node factor", std::to_string(ours.vnode_factor), std::to_string(theirs.vnode_factor));
  return out;
}

std::string to_text(const Refusal& refusal) {
  std::string out(meaning(refusal.code));
  std::string_view before = ": ";
  for (const Difference& at : refusal.differences) {
    out.append(before).append(at.field);
    out.append(": ours ").append(at.ours.empty() ? "none" : at.ours);
    out.append(", theirs ").append(at.theirs.empty() ? "none" : at.theirs);
    before = "; ";
  }
  return out;
}

std::string to_text(const HostLife& life) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = life.host + "#";
  for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[life.life >> shift & 0xf];
  return out;
}

}  // namespace phoenix::peer
