// A byte of options, a byte that says where to cut, then a stream: read at once or in two pieces it
// comes to the same end, and what was read is sealed and read again without a change.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "membership/wire/messages.h"
#include "membership/wire/packet.h"

namespace phoenix::gossip {
namespace {

enum Option : uint8_t {
  kKeyed = 1,
  kLabelled = 2,
  kLenient = 4,  // takes plain streams beside sealed ones
  kSealed = 8,   // seals the stream first: no fuzzer guesses an AES-GCM tag
  kAnswer = 16,  // reads it as the answer to a request of ours
};

bool same(const StreamReader& a, const StreamReader& b) {
  return a.why() == b.why() && a.message() == b.message();
}

void check(uint8_t chosen, uint8_t cut, std::string_view stream) {
  FrameOptions options;
  Keyring keyring;
  Nonces nonces({1, 2, 3, 4, 5, 6, 7, 8});
  const bool labelled = (chosen & kAnswer) == 0;
  if ((chosen & kLabelled) != 0) options.label = "pool";
  if ((chosen & kKeyed) != 0 && !keyring.install("0123456789abcdef")) std::abort();
  options.verify_incoming = (chosen & kLenient) == 0;
  std::string sealed;
  if ((chosen & kSealed) != 0) {
    FrameOptions as_it_is = options;
    as_it_is.compress = false;
    sealed = seal_stream(stream, as_it_is, keyring, nonces, labelled);
    stream = sealed;
  }

  StreamReader at_once(options, keyring, labelled), cut_up(options, keyring, labelled);
  const StreamReader::State state = at_once.feed(stream);
  const size_t first = stream.size() * cut / UINT8_MAX;
  cut_up.feed(stream.substr(0, first));
  if (cut_up.feed(stream.substr(first)) != state || !same(at_once, cut_up)) std::abort();
  if (state != StreamReader::State::kDone) return;

  const std::string message(at_once.message());
  if (message.empty() || message.size() > kMaxUnpackedStream) std::abort();
  std::string_view payload;
  if (static_cast<MessageType>(message[0]) == MessageType::kUser &&
      !decode_user_stream(std::string_view(message).substr(1), payload)) {
    std::abort();
  }
  StreamReader again(options, keyring, true);
  if (again.feed(seal_stream(message, options, keyring, nonces)) != StreamReader::State::kDone ||
      again.message() != message) {
    std::abort();
  }
}

}  // namespace
}  // namespace phoenix::gossip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  phoenix::gossip::check(data[0], data[1], bytes.substr(2));
  return 0;
}
