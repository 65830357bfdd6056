// The outbox against a model that knows nothing but lists: what an answer carries, what its `next`
// acknowledges, and that nothing kept is ever passed.
#include "directory/outbox.h"

// rapidcheck needs gtest before it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace phoenix {
namespace {

using Tokens = std::vector<uint32_t>;

constexpr Duration kThird = seconds(1);

Outbox::Limits limits(Instant now, uint32_t max) {
  return {.max = max, .max_bytes = 4 << 20, .now = now, .repeat_after = kThird};
}

TEST(Cursor, IsReadAsItIsWritten) {
  const OutboxCursor cursor = {7, ~uint64_t{0}, 0};
  EXPECT_EQ(format_cursor(cursor), "7-18446744073709551615-0");
  EXPECT_EQ(parse_cursor(format_cursor(cursor)), cursor);
  for (const char* bad : {"", "1", "1-2", "1-2-", "1-2-3-", "1-2-3-4", "-1-2-3", "1--2-3", "a-1-2",
                          "1-2-3 ", " 1-2-3", "+1-2-3", "18446744073709551616-1-1", "1_2_3"}) {
    EXPECT_FALSE(parse_cursor(bad)) << bad;
  }
}

TEST(Outbox, RevocationsAreBoundedAndTheOldestGoes) {
  Outbox box;
  for (size_t i = 0; i < Outbox::kMaxRevocations + 10; ++i) {
    box.revoke("p" + std::to_string(i), 1, RevokeReason::kLease);
  }
  Outbox::Carried carried = box.carry(std::nullopt, 1, limits({}, 1), true);
  EXPECT_EQ(carried.revoked.size(), Outbox::kMaxRevokedPerAnswer);
  EXPECT_EQ(carried.revoked[0].id, "p10");
  carried = box.carry(carried.next, 1, limits({}, 1), false);
  EXPECT_EQ(carried.revoked[0].id, "p" + std::to_string(10 + Outbox::kMaxRevokedPerAnswer));
}

TEST(Outbox, ACursorOfAnotherRunOrOfTheFutureSaysNothing) {
  Outbox box;
  box.put(1, 10, false, {});
  EXPECT_FALSE(box.acknowledge({2, 0, 0}, 1));
  EXPECT_FALSE(box.acknowledge({1, 2, 0}, 1));
  EXPECT_FALSE(box.acknowledge({1, 0, 1}, 1));
  EXPECT_TRUE(box.acknowledge({1, 0, 0}, 1));
  EXPECT_EQ(box.carry(std::nullopt, 1, limits({}, 9), true).tokens, Tokens{1});
}

TEST(Outbox, AParallelAnswerDoesNotAcknowledgeWhatThisOneCarried) {
  Outbox box;
  box.put(1, 10, false, {});
  box.put(2, 10, false, {});
  const Outbox::Carried first = box.carry(OutboxCursor{1, 0, 0}, 1, limits({}, 1), true);
  const Outbox::Carried second = box.carry(OutboxCursor{1, 0, 0}, 1, limits({}, 1), true);
  EXPECT_EQ(first.tokens, Tokens{1});
  EXPECT_EQ(second.tokens, Tokens{2});
  EXPECT_EQ(first.next.deliveries, 1U);
  EXPECT_EQ(second.next.deliveries, 0U);  // the first one may be lost
}

// One client that may lose answers. Positions are the outbox's own; everything else is naive.
struct Model {
  struct Entry {
    uint32_t token = 0;
    bool again = false;
    bool carried = false;
    bool done = false;  // acknowledged or started
    Instant put_at{};
    Instant sent_at{};
  };
  std::map<uint64_t, Entry> entries;     // kept, by position
  std::map<uint64_t, bool> revocations;  // kept, by position: carried?
  uint64_t last_revocation = 0;

  Tokens fresh() const {
    Tokens tokens;
    for (const auto& [position, entry] : entries) {
      if (!entry.carried) tokens.push_back(entry.token);
    }
    return tokens;
  }
};

class Run {
 public:
  void step() {
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
      case 1:
        return put();
      case 2:
        return remove();
      case 3:
        return start();
      case 4:
        return revoke();
      case 5:
        now_ = now_ + milliseconds(*rc::gen::inRange(1, 1500));
        return;
      default:
        return answer();
    }
  }

 private:
  void put() {
    const bool again = *rc::gen::inRange(0, 4) == 0;
    const uint64_t position = box_.put(++token_, 10, again, now_);
    RC_ASSERT(position > last_);
    last_ = position;
    model_.entries[position] = {.token = token_, .again = again, .put_at = now_};
  }
  uint64_t any() {
    if (model_.entries.empty()) return 0;
    auto it = model_.entries.begin();
    std::advance(it, *rc::gen::inRange<size_t>(0, model_.entries.size()));
    return it->first;
  }
  void remove() {
    const uint64_t position = any();
    box_.remove(position);
    model_.entries.erase(position);
  }
  void start() {
    const uint64_t position = any();
    box_.started(position);
    const auto it = model_.entries.find(position);
    if (it != model_.entries.end() && !it->second.again) {
      it->second.done = it->second.carried = true;
    }
  }
  void revoke() {
    box_.revoke("p" + std::to_string(++model_.last_revocation), 1, RevokeReason::kCanceled);
    model_.revocations[model_.last_revocation] = false;
  }

  void acknowledge(const OutboxCursor& after) {
    RC_ASSERT(box_.acknowledge(after, 1));
    for (auto& [position, entry] : model_.entries) {
      if (position <= after.deliveries) entry.done = entry.carried = true;
    }
    std::erase_if(model_.revocations,
                  [&](const auto& item) { return item.first <= after.revocations; });
  }

  // A poll or a heartbeat, with the last `next` that arrived or without any.
  void answer() {
    const bool blind = *rc::gen::inRange(0, 3) == 0;
    const uint32_t max = static_cast<uint32_t>(*rc::gen::inRange(0, 4));
    std::optional<OutboxCursor> after;
    if (!blind) {
      after = known_;
      acknowledge(known_);
    }
    RC_ASSERT(box_.has_fresh_delivery() == !model_.fresh().empty());
    const Outbox::Carried got = box_.carry(after, 1, limits(now_, max), true);
    expect_deliveries(after, max, got);
    expect_next(after, got);
    for (const Revoked& item : got.revoked) {
      const auto it = model_.revocations.find(std::stoull(item.id.substr(1)));
      RC_ASSERT(it != model_.revocations.end());
      it->second = true;
    }
    for (const auto& [position, carried] : model_.revocations) RC_ASSERT(carried);
    if (*rc::gen::arbitrary<bool>()) known_ = got.next;  // else the answer is lost
  }

  // Fresh ones first and oldest first, then repeats, never more than max.
  void expect_deliveries(const std::optional<OutboxCursor>& after, uint32_t max,
                         const Outbox::Carried& got) {
    Tokens wanted = model_.fresh();
    const size_t fresh = std::min<size_t>(wanted.size(), max);
    wanted.resize(fresh);
    for (auto& [position, entry] : model_.entries) {
      const bool due = after || now_ - entry.sent_at >= kThird;
      if (entry.carried && !entry.done && due && wanted.size() < max) {
        wanted.push_back(entry.token);
      }
    }
    RC_ASSERT(got.tokens == wanted);
    RC_ASSERT(got.fresh_tokens ==
              Tokens(wanted.begin(), wanted.begin() + static_cast<long>(fresh)));
    for (auto& [position, entry] : model_.entries) {
      if (std::find(wanted.begin(), wanted.end(), entry.token) == wanted.end()) continue;
      entry.carried = true;
      entry.sent_at = now_;
    }
  }

  // `next` never passes what is kept, unacknowledged, and not in this very answer.
  void expect_next(const std::optional<OutboxCursor>& after, const Outbox::Carried& got) {
    RC_ASSERT(got.next.run == 1U);
    uint64_t bound = last_;
    for (const auto& [position, entry] : model_.entries) {
      const bool here =
          std::find(got.tokens.begin(), got.tokens.end(), entry.token) != got.tokens.end();
      if (!here && !entry.done) {
        bound = position - 1;
        break;
      }
    }
    RC_ASSERT(got.next.deliveries == bound);
    if (after) RC_ASSERT(got.next.revocations >= after->revocations);
    std::set<uint64_t> here;
    for (const Revoked& item : got.revoked) here.insert(std::stoull(item.id.substr(1)));
    for (const auto& [position, carried] : model_.revocations) {
      if (!here.contains(position)) RC_ASSERT(got.next.revocations < position);
    }
  }

  Outbox box_;
  Model model_;
  Instant now_{1'000'000'000'000};
  uint32_t token_ = 0;
  uint64_t last_ = 0;
  OutboxCursor known_{1, 0, 0};
};

RC_GTEST_PROP(Outbox, agrees_with_lists, ()) {
  Run run;
  const int steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) run.step();
}

TEST(Outbox, WhatWasNotTakenIsFoundByItsAge) {
  Outbox box;
  box.put(1, 10, false, Instant{100});
  box.put(2, 10, true, Instant{200});  // carried before: never taken back
  box.put(3, 10, false, Instant{300});
  EXPECT_EQ(box.oldest_untaken(), Instant{100});
  EXPECT_EQ(box.untaken_until(Instant{99}), Tokens{});
  EXPECT_EQ(box.untaken_until(Instant{300}), (Tokens{1, 3}));
  (void)box.carry(std::nullopt, 1, limits({}, 1), true);
  EXPECT_EQ(box.oldest_untaken(), Instant{300});
  EXPECT_EQ(box.untaken_until(Instant{300}), Tokens{3});
  EXPECT_FALSE(box.next_untaken(0, Instant{299}).has_value());
  const auto next = box.next_untaken(0, Instant{300});
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->token, 3U);
  EXPECT_FALSE(box.next_untaken(next->position, Instant{300}).has_value());
}

TEST(Outbox, AfterAClearOnlyNewPositionsAreCarried) {
  Outbox box;
  box.put(1, 10, false, {});
  const uint64_t before = box.put(2, 10, false, {});
  box.clear_deliveries();
  EXPECT_EQ(box.size(), 0U);
  EXPECT_FALSE(box.has_fresh_delivery());
  EXPECT_GT(box.put(3, 10, true, {}), before);
  EXPECT_EQ(box.carry(OutboxCursor{1, 2, 0}, 1, limits({}, 9), true).tokens, Tokens{3});
}

TEST(Outbox, BytesBoundAnAnswerButOneAlwaysFits) {
  Outbox box;
  Outbox::Limits narrow = limits({}, 9);
  narrow.max_bytes = 100;
  box.put(1, 500, false, {});
  box.put(2, 60, false, {});
  box.put(3, 40, false, {});
  box.put(4, 1, false, {});
  EXPECT_EQ(box.carry(std::nullopt, 1, narrow, false).tokens, Tokens{1});
  EXPECT_EQ(box.carry(std::nullopt, 1, narrow, false).tokens, (Tokens{2, 3}));
  EXPECT_EQ(box.carry(std::nullopt, 1, narrow, false).tokens, Tokens{4});
}

}  // namespace
}  // namespace phoenix
