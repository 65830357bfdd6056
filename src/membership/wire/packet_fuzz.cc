// A byte of options, then a datagram: opened it stays within all bounds, every message lies in
// memory that is ours, and what was found is sealed and opened again without a change. No fuzzer
// guesses an AES-GCM tag or a checksum, so one option seals what it made up.
#include "membership/wire/packet.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "membership/wire/crc32.h"
#include "membership/wire/messages.h"

namespace phoenix::gossip {
namespace {

enum Option : uint8_t {
  kKeyed = 1,
  kLabelled = 2,
  kLenient = 4,  // takes plain packets beside sealed ones
  kSealed = 8,
};

void check(uint8_t chosen, std::string_view datagram) {
  FrameOptions options;
  Keyring keyring;
  Nonces nonces({1, 2, 3, 4, 5, 6, 7, 8});
  if ((chosen & kLabelled) != 0) options.label = "pool";
  if ((chosen & kKeyed) != 0 && !keyring.install("0123456789abcdef")) std::abort();
  options.verify_incoming = (chosen & kLenient) == 0;
  std::string sealed;
  if ((chosen & kSealed) != 0) {
    FrameOptions as_it_is = options;
    as_it_is.compress = false;
    sealed = seal_packet({datagram}, true, as_it_is, keyring, nonces);
    datagram = sealed;
  }

  OpenedPacket opened, again;
  open_packet(datagram, options, keyring, opened);
  if (opened.messages.size() > kMaxMessages) std::abort();
  size_t unpacked = 0, total = 0;
  for (const std::string& plain : opened.unpacked) unpacked += plain.size();
  if (unpacked > kMaxUnpackedDatagram + datagram.size()) std::abort();
  for (const std::string_view message : opened.messages) {
    if (message.empty()) std::abort();
    crc32(message);  // reads every byte
    total += message.size() + kPartOverhead;
  }
  // Beyond that no compound holds them.
  if (opened.messages.empty() || total > 60'000) return;
  const std::string resealed = seal_packet(opened.messages, true, options, keyring, nonces);
  if (open_packet(resealed, options, keyring, again) != Drop::kNone) std::abort();
  if (again.messages != opened.messages) std::abort();
}

}  // namespace
}  // namespace phoenix::gossip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  phoenix::gossip::check(data[0], bytes.substr(1));
  return 0;
}
