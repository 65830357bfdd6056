#include "bench/workload.h"

#include <algorithm>

namespace phoenix::bench {
namespace {

constexpr size_t kCapabilities = 64;
constexpr uint64_t kScale = 1'000'000;

std::string capability_name(size_t index) { return "cap-" + std::to_string(index); }

}  // namespace

WorkloadA::WorkloadA(uint64_t seed) : prng_(seed) {
  uint64_t sum = 0;
  for (size_t rank = 1; rank <= kCapabilities; ++rank) {
    sum += kScale / rank;
    up_to_.push_back(sum);
  }
}

std::vector<std::string> WorkloadA::draw(size_t count) {
  std::vector<std::string> drawn;
  while (drawn.size() < count) {
    const uint64_t at = prng_.below(up_to_.back());
    const auto rank = std::upper_bound(up_to_.begin(), up_to_.end(), at) - up_to_.begin();
    std::string name = capability_name(static_cast<size_t>(rank));
    if (std::find(drawn.begin(), drawn.end(), name) == drawn.end()) {
      drawn.push_back(std::move(name));
    }
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::vector<std::string> WorkloadA::member_capabilities() { return draw(1 + prng_.below(8)); }

std::vector<std::string> WorkloadA::required() {
  const uint64_t share = prng_.below(10);
  return draw(share < 5 ? 1 : share < 8 ? 2 : 3);
}

PacketKey packet_key(uint64_t number) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  uint64_t state = number;
  uint64_t random = splitmix64(state);
  std::string id = "pkt_01JD7Q";
  for (int shift = 35; shift >= 0; shift -= 5) id += kDigits[number >> shift & 31];
  for (int i = 0; i < 12; ++i, random >>= 5) id += kDigits[random & 31];
  return PacketKey(kNamespace, id);
}

MemberRecord member_record(const std::string& id, std::vector<std::string> capabilities,
                           uint32_t max_load) {
  MemberRecord record;
  record.key = MemberKey(kNamespace, id);
  record.capabilities = std::move(capabilities);
  record.max_load = max_load;
  return record;
}

SubmitItem submit_item(uint64_t number, std::vector<std::string> required,
                       const std::shared_ptr<const Content>& payload) {
  auto spec = std::make_shared<PacketSpec>();
  uint64_t state = number;
  for (uint8_t& byte : spec->create_digest) byte = static_cast<uint8_t>(splitmix64(state));
  SubmitItem item;
  item.key = packet_key(number);
  item.id_from = IdSource::kFresh;
  item.spec = std::move(spec);
  item.required = std::move(required);
  item.payload = payload;
  return item;
}

OwnerCall completion(PacketKey key, uint64_t epoch, const std::shared_ptr<const Content>& result) {
  OwnerCall call;
  call.call = Call::kComplete;
  uint64_t state = epoch + key.text().size();
  for (uint8_t& byte : call.digest) byte = static_cast<uint8_t>(splitmix64(state));
  call.key = std::move(key);
  call.epoch = epoch;
  call.content = result;
  return call;
}

std::shared_ptr<const Content> json_content(size_t bytes, uint64_t seed) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz ,.0123456789";
  auto content = std::make_shared<Content>();
  Prng prng(seed);
  content->data = "{\"text\":\"";
  while (content->data.size() + 2 < bytes) {
    content->data += kLetters[prng.below(kLetters.size())];
  }
  content->data += "\"}";
  return content;
}

}  // namespace phoenix::bench
