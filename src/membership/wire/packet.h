// What surrounds messages on their way: label, AES-GCM, checksum, compression, compound. Sealing
// and opening, for datagrams and for streams. All layers but the key are optional on the way in.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "membership/wire/go_msgpack.h"
#include "membership/wire/keyring.h"

namespace phoenix::gossip {

// Why something that arrived was dropped; each has its counter.
enum class Drop : uint8_t {
  kNone,
  kEmpty,
  kLabel,  // missing, other, or malformed label
  kPlain,  // not encrypted where it must be
  kKey,    // no key of ours opens it
  kChecksum,
  kCompression,  // malformed, or larger than allowed when unpacked
  kTruncated,    // a compound whose parts are not all there
  kNested,       // layers beyond any sensible depth, or too many parts in all
  kMalformed,    // msgpack that does not decode
  kUnknownType,
  kOversized,
};
inline constexpr size_t kDrops = static_cast<size_t>(Drop::kOversized) + 1;
std::string_view drop_name(Drop drop);  // "checksum"

struct FrameOptions {
  std::string label;            // at most 255 bytes; empty: none, and a labelled packet is refused
  bool compress = true;         // outgoing
  bool verify_incoming = true;  // with a key: refuse plain packets
  bool verify_outgoing = true;  // with a key: encrypt
};

inline constexpr size_t kMaxDatagram = 1400;            // outgoing, all layers included
inline constexpr size_t kMaxUnpackedDatagram = 65'536;  // incoming, decompressed
inline constexpr size_t kMaxStream = 20u << 20;         // bytes of one stream message, encrypted
inline constexpr size_t kMaxUnpackedStream = 40u << 20;
inline constexpr size_t kMaxMessages = 1'024;  // messages of one datagram
inline constexpr int kMaxDepth = 4;            // compound in compress in …

// Room for messages within a datagram of kMaxDatagram bytes under these options and keys, compound
// header and checksum taken off; each message takes its size and kPartOverhead of it.
inline constexpr size_t kPartOverhead = 2;
size_t payload_budget(const FrameOptions& options, const Keyring& keyring);

// messages -> (compound) -> compress if shorter -> checksum if `checksum` -> encrypt -> label.
// Requires: at least one message, each with its type byte. Several become one compound. Empty only
// if the cipher fails.
std::string seal_packet(const std::vector<std::string_view>& messages, bool checksum,
                        const FrameOptions& options, const Keyring& keyring, Nonces& nonces);

// The messages of a datagram, each with its type byte. Views point into `datagram` or into
// `unpacked`, which owns what had to be decrypted or decompressed. Parts of a truncated compound
// that are whole are delivered, and the return value says kTruncated; likewise for parts that are
// no message of a datagram. Of several faults the first is told. Bodies are not decoded here.
struct OpenedPacket {
  std::vector<std::string_view> messages;
  std::deque<std::string> unpacked;
  void clear() {
    messages.clear();
    unpacked.clear();
  }
};
// Clears `out` first. Allocates nothing for plain packets once `out` has grown. What it unpacks is
// bounded by kMaxUnpackedDatagram for all parts together, its work by a small multiple of that.
Drop open_packet(std::string_view datagram, const FrameOptions& options, const Keyring& keyring,
                 OpenedPacket& out);

// Type byte 9 and the compressed message.
std::string compress(std::string_view message);
// The other way, `body` being what follows the type byte; appends to `message`. False: malformed
// or more than `limit` bytes.
bool decompress(std::string_view body, size_t limit, std::string& message);

// One message for a stream: compress, encrypt, label. The answer to a stream that a peer opened is
// authenticated together with the label but not `labelled`: the label goes ahead of a request only.
std::string seal_stream(std::string_view message, const FrameOptions& options,
                        const Keyring& keyring, Nonces& nonces, bool labelled = true);

// Finds where a plain stream message ends that arrives in pieces.
class StreamMessageScanner {
 public:
  enum class State : uint8_t { kMore, kDone, kRefused };
  // `in` is all that has arrived, from the type byte on; the same and more at each call.
  State scan(std::string_view in);
  size_t end() const { return pos_; }  // after kDone
  Drop why() const { return why_; }    // after kRefused

 private:
  State refuse(Drop why);
  State read_type(std::string_view in);
  State read_header(std::string_view in);

  enum class Stage : uint8_t { kType, kHeader, kValues, kRaw };
  Stage stage_ = Stage::kType;
  ValueScanner values_;
  size_t pos_ = 0;
  size_t values_left_ = 0;
  size_t raw_left_ = 0;
  Drop why_ = Drop::kNone;
};

// Collects one message from a stream, however it is cut into pieces. Bounded by kMaxStream; work
// is linear in what arrives.
class StreamReader {
 public:
  enum class State : uint8_t { kMore, kDone, kRefused };
  // The options and keys must outlive the reader's use. `labelled`: a label is looked for (the
  // answer to our own request carries none).
  StreamReader(const FrameOptions& options, const Keyring& keyring, bool labelled);
  State feed(std::string_view bytes);
  // After kDone: the plain message with its type byte (kUser: type, header, payload; kPushPull:
  // type, header, states, user state).
  std::string_view message() const { return message_; }
  Drop why() const { return why_; }  // after kRefused

 private:
  void refuse(Drop why);
  void read_label();
  void read_frame();
  void read_encrypted();
  void read_plain();
  void take_whole(std::string message, bool compressed);

  const FrameOptions& options_;
  const Keyring& keyring_;
  State state_ = State::kMore;
  Drop why_ = Drop::kNone;
  bool at_label_;
  size_t start_ = 0;  // of the frame within raw_: behind the label
  StreamMessageScanner scanner_;
  std::string raw_;
  std::string message_;
};

}  // namespace phoenix::gossip
