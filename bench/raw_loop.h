// What any program would pay for the same durable work: the bare loop over SQLite with our schema,
// pragmas, statements and bytes, two commits per batch of packets (created with an owner,
// completed), nothing around it. The bytes are made before; only commits are timed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "store/store.h"

namespace phoenix::bench {

// The two writes of one packet's life, as the host makes them.
struct PacketLife {
  PutPacket created;
  PutPacket ended;
};
std::vector<PacketLife> packet_lives(size_t count, size_t payload_bytes);

class RawLoop {
 public:
  // In a fresh database at `path`.
  static Result<std::unique_ptr<RawLoop>> open(const std::string& path);
  virtual ~RawLoop() = default;
  // Encodes the rows of all lives. To be called before run().
  virtual void prepare(const std::vector<PacketLife>& lives) = 0;
  // Writes them, two commits per `batch` packets; the time of each batch.
  virtual Result<std::vector<Duration>> run(size_t batch) = 0;
};

}  // namespace phoenix::bench
