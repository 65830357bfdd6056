// What the links say to each other beside messages: a form that is accepted is the only one, so it
// must be rewritten byte for byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "peer/hello.h"
#include "peer/relay.h"

namespace {

template <class Read>
void expect_same(const Read& read, std::string_view bytes) {
  if (read && encode(*read) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 4 == 0) expect_same(phoenix::peer::decode_hello(bytes), bytes);
  if (data[0] % 4 == 1) expect_same(phoenix::peer::decode_opening(bytes), bytes);
  if (data[0] % 4 == 2) expect_same(phoenix::peer::decode_relay(bytes), bytes);
  if (data[0] % 4 == 3) {
    auto refusal = phoenix::peer::decode_refusal(bytes);
    if (!refusal) return 0;
    // It is written for the other side.
    for (auto& at : refusal->differences) std::swap(at.ours, at.theirs);
    expect_same(refusal, bytes);
  }
  return 0;
}
