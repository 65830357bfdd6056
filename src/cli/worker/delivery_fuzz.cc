// Any bytes as a delivery that a host has sent, and as what a run of CMD has left behind: read or
// refused, and what the worker then sends is JSON.
#include "cli/worker/delivery.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes_text.h"
#include "client/json_text.h"

namespace phoenix::worker {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// A value as deep as JSON may be here is too deep inside the call: the host refuses that.
bool deep(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; }) >= 63;
}

void judged(const Verdict& verdict, std::string_view text) {
  check(!verdict.verb.empty());
  check(valid_json("{\"epoch\":1" + verdict.fields + "}") || deep(text));
}

void read_all(const std::string& text) {
  for (const WorkerCodec codec : {WorkerCodec::kBytes, WorkerCodec::kJson}) {
    if (const auto json = JsonText::parse(text)) {
      (void)read_delivery(*json, codec);
      (void)read_offer(*json, "w1");
    }
    judged(checkpoint_call(text, 1, codec), text);
    WorkerOptions options;
    options.codec = codec;
    RunEnd end;
    end.exit_code = 0;
    end.output = text;
    judged(judge(end, RunStop::kNone, options), text);
    end.handoff = text;
    judged(judge(end, RunStop::kNone, options), text);
    end.exit_code = 1;
    end.error_tail = text;
    judged(judge(end, RunStop::kNone, options), text);
  }
  judged(refused_call(text, text), text);
  const auto decoded = decode_base64(text);
  if (decoded) check(decode_base64(base64_text(*decoded)) == decoded);
  check(decode_base64(base64_text(text)) == text);
}

}  // namespace
}  // namespace phoenix::worker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  phoenix::worker::read_all(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
