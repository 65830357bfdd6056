#include "peer/send_queue.h"

#include <algorithm>
#include <utility>

namespace phoenix::peer {
namespace {

constexpr size_t kItemCost = 64;                   // beside its bytes
constexpr size_t kPatience = size_t{256} << 10;    // that overtakes a line before its turn
constexpr size_t kKeepCapacity = size_t{4} << 10;  // of the buffer for control frames

}  // namespace

void SendQueue::add_control(FrameKind kind, std::string_view payload) {
  append_frame(control_, kind, 0, payload);
}

bool SendQueue::add(FrameKind kind, std::string bytes, Urgency urgency) {
  if (!takes(urgency)) return false;
  Line& line = lines_[static_cast<size_t>(urgency)];
  line.bytes += bytes.size() + kItemCost;
  line.items.push_back({kind, std::move(bytes), 0});
  return true;
}

void SendQueue::take(std::string& into) {
  if (!control_.empty()) {
    into += control_;
    control_.clear();
    if (control_.capacity() > kKeepCapacity) control_ = {};
    return;
  }
  size_t chosen = kUrgencies;
  for (size_t i = 0; i < kUrgencies; ++i) {
    if (lines_[i].items.empty()) continue;
    // The least urgent one that has waited long enough, else the most urgent one.
    if (chosen == kUrgencies || lines_[i].overtaken >= kPatience) chosen = i;
  }
  if (chosen == kUrgencies) return;
  Line& line = lines_[chosen];
  Item& item = line.items.front();
  const std::string_view rest = std::string_view(item.bytes).substr(item.sent);
  const bool whole = item.kind != FrameKind::kLast;
  const std::string_view slice = whole ? rest : rest.substr(0, kMaxSlice);
  const bool last = slice.size() == rest.size();
  const auto stream = static_cast<uint8_t>(chosen);
  append_frame(into, last ? item.kind : FrameKind::kPart, stream, slice);
  line.overtaken = 0;
  for (size_t i = chosen + 1; i < kUrgencies; ++i) {
    if (!lines_[i].items.empty()) lines_[i].overtaken += slice.size() + kFrameHeader;
  }
  line.bytes -= slice.size();
  item.sent += slice.size();
  if (!last) return;
  line.bytes -= kItemCost;
  line.items.pop_front();
}

bool SendQueue::takes(Urgency urgency) {
  Line& line = lines_[static_cast<size_t>(urgency)];
  if (line.bytes < bounds_[static_cast<size_t>(urgency)]) return true;
  line.refused = true;
  return false;
}

bool SendQueue::empty() const {
  return control_.empty() && std::all_of(lines_.begin(), lines_.end(),
                                         [](const Line& line) { return line.items.empty(); });
}

void SendQueue::clear() {
  control_.clear();
  for (Line& line : lines_) line = {};
}

bool SendQueue::takes_again(Urgency urgency) {
  Line& line = lines_[static_cast<size_t>(urgency)];
  if (!line.refused || line.bytes > bounds_[static_cast<size_t>(urgency)] / 2) return false;
  line.refused = false;
  return true;
}

}  // namespace phoenix::peer
