// Bytes from the wire, in pieces, to an end of a link: as they come, to one that is a stranger
// still, and behind a good handshake. What it keeps stays bounded, and it says only once that it is
// over.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "peer/frame.h"
#include "peer/test_pipe.h"

namespace {

using phoenix::peer::testing::End;
using phoenix::peer::testing::Pipe;

void feed(End& end, phoenix::Instant now, std::string_view bytes, size_t piece) {
  while (!bytes.empty()) {
    const size_t size = bytes.size() < piece ? bytes.size() : piece;
    end.link->received(now, std::string(bytes.substr(0, size)));
    end.take_events(now);
    bytes.remove_prefix(size);
    std::string out;
    while (end.link->has_bytes()) end.link->take_bytes(now, 1, out);
  }
  if (end.closed.size() > 1 || end.ups > 1 || end.greeted > 1) std::abort();
  if (end.link->closed() != (end.closed.size() == 1)) std::abort();
  if (end.link->assembling() > phoenix::peer::kMaxMessage + phoenix::peer::kMaxPayload) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  const size_t piece = size_t{1} + data[1];
  Pipe pipe;
  if (data[0] % 3 == 0) {
    feed(pipe.b, pipe.now, bytes, piece);
  } else if (data[0] % 3 == 1) {
    feed(pipe.a, pipe.now, bytes, piece);
  } else {
    pipe.carry_all();
    feed(pipe.b, pipe.now, bytes, piece);
  }
  return 0;
}
