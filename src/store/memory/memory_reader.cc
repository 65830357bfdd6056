#include "store/memory/memory_reader.h"

#include <algorithm>

#include "store/rows.h"

namespace phoenix {
namespace {

constexpr int kMaxExamined = 5000;

class MemoryReader final : public Reader {
 public:
  explicit MemoryReader(std::shared_ptr<MemoryShared> shared) : shared_(std::move(shared)) {}

  Result<PacketLookup> get(const PacketKey& key) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    PacketLookup lookup;
    if (const auto* row = find(key)) {
      if (row->head) lookup.head = *row->head;
      lookup.tombstone = row->tombstone;
    }
    return lookup;
  }

  Result<std::vector<std::optional<Content>>> contents(std::span<const ContentRef> refs) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    std::vector<std::optional<Content>> found(refs.size());
    for (size_t i = 0; i < refs.size(); ++i) {
      const auto* row = find(refs[i].key);
      if (row == nullptr) continue;
      const auto& content = row->contents[static_cast<size_t>(refs[i].kind)];
      if (content) found[i] = *content;
    }
    return found;
  }

  Result<PacketPage> list(const PacketFilter& filter, bool ascending,
                          const std::optional<ListPosition>& after, uint32_t limit) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    PacketPage page;
    page.as_of = EventCursor(shared_->durable.last_seq);
    const auto& rows = shared_->durable.by_age;
    const auto start = std::pair(after ? after->created_at : 0, after ? after->key : "");
    if (ascending) {
      walk(filter, after ? rows.upper_bound(start) : rows.begin(), rows.end(), limit, page);
    } else {
      const auto from = after ? rows.lower_bound(start) : rows.end();
      walk(filter, std::make_reverse_iterator(from), rows.rend(), limit, page);
    }
    return page;
  }

  Result<std::vector<EventRow>> history(const PacketKey& key) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    std::vector<EventRow> rows;
    if (const auto* row = find(key)) {
      for (const uint64_t seq : row->events) rows.push_back(shared_->durable.events.at(seq));
    }
    return rows;
  }

  Result<std::vector<EventRow>> events(const EventCursor& after, uint32_t limit,
                                       EventCursor* dropped) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    if (dropped) *dropped = EventCursor(shared_->durable.events_floor);
    std::vector<EventRow> rows;
    const auto& all = shared_->durable.events;
    for (auto it = all.upper_bound(after.position(kOwnLog)); it != all.end() && rows.size() < limit;
         ++it) {
      rows.push_back(it->second);
    }
    return rows;
  }

  Result<EventCursor> newest_event() override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    return EventCursor(shared_->durable.last_seq);
  }

  Result<std::optional<StoredAnswer>> answer(const Digest& scope) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    const auto found = shared_->durable.answers.find(scope);
    if (found == shared_->durable.answers.end()) return std::optional<StoredAnswer>();
    return std::optional<StoredAnswer>(found->second.stored);
  }

  Result<std::vector<std::pair<std::string, std::string>>> facts(std::string_view prefix) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    std::vector<std::pair<std::string, std::string>> found;
    const auto& all = shared_->durable.facts;
    for (auto it = all.lower_bound(std::string(prefix));
         it != all.end() && it->first.starts_with(prefix); ++it) {
      found.emplace_back(*it);
    }
    return found;
  }

  Result<std::vector<RecordedEntry>> recorded(uint32_t, uint64_t after, uint32_t limit) override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    std::vector<RecordedEntry> entries;
    const auto& all = shared_->durable.recorded;
    size_t bytes = 0;
    for (auto it = all.upper_bound(after);
         it != all.end() && entries.size() < limit && bytes < kRecordedBytes; ++it) {
      entries.push_back({it->first, it->second});
      bytes += it->second.size();
    }
    return entries;
  }

  Result<std::vector<LogState>> logs() override {
    const std::lock_guard lock(shared_->mutex);
    if (auto ok = readable(); !ok) return tl::unexpected(ok.error());
    const MemoryImage& image = shared_->durable;
    std::vector<LogState> logs;
    if (image.last_seq == 0) return logs;
    LogState& own = logs.emplace_back();
    own.size = image.last_seq;
    own.first = image.recorded.empty() ? 0 : image.recorded.begin()->first;
    return logs;
  }

 private:
  Result<bool> readable() const {
    if (shared_->read_failure.empty()) return true;
    return fail(ErrorKind::kStoreUnreachable, shared_->read_failure);
  }

  const MemoryImage::PacketRow* find(const PacketKey& key) const {
    const auto found = shared_->durable.packets.find(key.text());
    return found == shared_->durable.packets.end() ? nullptr : &found->second;
  }

  template <class Iterator>
  void walk(const PacketFilter& filter, Iterator it, Iterator end, uint32_t limit,
            PacketPage& page) const {
    const size_t most = std::max(1u, limit);
    ListPosition last;
    for (int examined = 0; it != end; ++it, ++examined) {
      if (page.items.size() >= most || examined >= kMaxExamined) {
        page.next = std::move(last);
        return;
      }
      const Packet& head = *shared_->durable.packets.at(it->second).head;
      if (matches(filter, head)) page.items.push_back(head);
      last = {it->first, it->second};
    }
  }

  std::shared_ptr<MemoryShared> shared_;
};

}  // namespace

std::unique_ptr<Reader> make_memory_reader(std::shared_ptr<MemoryShared> shared) {
  return std::make_unique<MemoryReader>(std::move(shared));
}

}  // namespace phoenix
