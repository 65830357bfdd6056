// Cuts a stream of bytes into frames. A frame is a header of 6 bytes and a payload:
//
//   u32  length of the payload, most significant byte first
//   u8   kind
//   u8   stream: of a message its Urgency, else 0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace phoenix::peer {

enum class FrameKind : uint8_t {
  kHello = 1,
  kAccept = 2,   // by the smaller of both hosts: this connection is the one
  kRefuse = 3,   // the last one of its sender
  kBeat = 4,     // nothing to say, but alive
  kReach = 5,    // with whom the sender has links of its own
  kPart = 6,     // of a message, more of it follows in this stream
  kLast = 7,     // the last or only part of a message
  kForward = 8,  // for another host: pass it on
  kPassed = 9,   // from another host, passed on
};

inline constexpr size_t kFrameHeader = 6;
// Larger messages go in several frames, so that what is urgent waits for one of them at most.
inline constexpr size_t kMaxSlice = size_t{32} << 10;
inline constexpr size_t kMaxPayload = size_t{64} << 10;
inline constexpr size_t kMaxHandshakePayload = size_t{4} << 10;

struct Frame {
  FrameKind kind = FrameKind::kBeat;
  uint8_t stream = 0;
  std::string_view payload;
};

void append_frame(std::string& out, FrameKind kind, uint8_t stream, std::string_view payload);

// Frames in the order of their bytes, however these are cut. After kBad it is of no more use.
class FrameReader {
 public:
  enum class Next : uint8_t { kFrame, kMore, kBad };

  // Whole frames are read where they are: the bytes must stay until next() has said kMore.
  void add(std::string_view bytes);
  // The payload stays until the next call. kBad: an unknown kind, or more than `max_payload`.
  Next next(size_t max_payload, Frame& out);
  // What was added and next() has not looked at.
  std::string_view rest() const { return fresh_; }
  // What waits for its rest.
  size_t held() const { return yielded_ ? 0 : held_.size(); }

 private:
  std::string held_;        // the beginning of a frame whose rest has not come
  bool yielded_ = false;    // held_ is the frame that next() gave out last
  std::string_view fresh_;  // not looked at yet
};

}  // namespace phoenix::peer
