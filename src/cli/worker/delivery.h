// Content between the protocol and CMD: what a delivery means for a run, and what a run's end
// means as a call. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/worker/actions.h"
#include "cli/worker/worker_main.h"
#include "client/json_text.h"

namespace phoenix::worker {

struct WorkDelivery {
  std::string packet_id;
  uint64_t epoch = 0;
  RunInput input;
};

// nullopt: not a delivery.
std::optional<WorkDelivery> read_delivery(const JsonText& json, WorkerCodec codec);

// One packet call, without its packet and epoch: "complete" and `,"result":…`.
struct Verdict {
  std::string verb;    // complete, release, fail, handoff, checkpoint
  std::string fields;  // members after "epoch", each with a comma before it
};

// Why the driver or the core ended a run; kNone: it ended by itself.
enum class RunStop : uint8_t { kNone, kTimeout, kDrain };

// What an ended run asks for.
Verdict judge(const RunEnd& end, RunStop stop, const WorkerOptions& options);
// A checkpoint file's content; `seq` grows within an epoch.
Verdict checkpoint_call(std::string_view content, int64_t seq, WorkerCodec codec);
// `fail`, because the host refused another call.
Verdict refused_call(std::string_view message, std::string_view code);
// Gives it back uncharged.
Verdict release_call();

// nullopt: no valid Base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace phoenix::worker
