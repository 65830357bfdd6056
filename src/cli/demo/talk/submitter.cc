#include "cli/demo/talk/submitter.h"

#include <algorithm>

#include "client/json_text.h"

namespace phoenix::demo {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;  // a body may have 16 MiB
constexpr Duration kPutOff = milliseconds(200);

}  // namespace

Submitter::Submitter(EventLoop& loop, HostCalls& calls, Setup setup,
                     std::function<void(std::string)> fault)
    : calls_(calls), setup_(std::move(setup)), fault_(std::move(fault)), later_(loop) {}

std::vector<uint64_t> Submitter::next_batch(uint64_t total, uint64_t room) {
  std::vector<uint64_t> batch;
  std::size_t bytes = 0;
  while (batch.size() < std::min<uint64_t>(kBatch, room) && bytes < kBatchBytes) {
    uint64_t number = 0;
    if (!put_off_.empty()) {
      number = put_off_.front();
      put_off_.pop_front();
    } else if (next_ < total) {
      number = next_++;
    } else {
      break;
    }
    bytes += setup_.files[task(number).file].payload.size();
    batch.push_back(number);
  }
  return batch;
}

std::string Submitter::body_of(const std::vector<uint64_t>& batch) const {
  std::string body = "[";
  for (const uint64_t number : batch) {
    const Task what = task(number);
    const InputFile& file = setup_.files[what.file];
    if (body.size() > 1) body += ',';
    body += "{\"id\":" + quote_json(packet_id(what, setup_.tag, number)) +
            ",\"labels\":{\"demo\":" + quote_json(setup_.tag) + "},\"requiredCapabilities\":[";
    for (const std::string& capability : required_capabilities(what)) {
      if (body.back() != '[') body += ',';
      body += quote_json(capability);
    }
    body += "]," + file.payload + "}";
  }
  return body + "]";
}

void Submitter::pump(uint64_t total, uint64_t ended) {
  if (busy_ || later_.pending()) return;
  const uint64_t live = acknowledged_ - std::min(acknowledged_, ended);
  if (live >= setup_.window) return;
  const std::vector<uint64_t> batch = next_batch(total, setup_.window - live);
  if (batch.empty()) return;
  busy_ = true;
  Call call;
  call.method = "POST";
  call.target = "/v1/packets";
  call.body = body_of(batch);
  call.repeatable = true;  // each packet has its id
  calls_.insist(std::move(call), [this, batch](const Answer& answer) { answered(batch, answer); });
}

void Submitter::answered(const std::vector<uint64_t>& batch, const Answer& answer) {
  busy_ = false;
  const auto json = JsonText::parse(answer.body);
  const std::vector<JsonText> items = json ? (*json)["items"].items() : std::vector<JsonText>();
  if (answer.status != 207 || items.size() != batch.size()) {
    fault_("the host refuses a submit: " + answer.body.substr(0, 500));
    return;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto status = static_cast<int>(items[i]["status"].integer().value_or(0));
    if (status == 200 || status == 201) {
      ++acknowledged_;
    } else if (asks_for_later(status)) {
      put_off_.push_back(batch[i]);
    } else {
      fault_("the host refuses a packet: " + std::string(items[i].raw().substr(0, 500)));
    }
  }
  if (!put_off_.empty()) later_.call_after(kPutOff, [] {});
}

}  // namespace phoenix::demo
