// A queue that costs 32 bytes while it is empty: a host has one or two for each session, and most
// of them hold nothing. In order in one array, the front moves. Pointers into it are iterators,
// valid until the next change. Single-threaded.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace phoenix {

template <class T>
class Fifo {
 public:
  bool empty() const { return front_ == items_.size(); }
  size_t size() const { return items_.size() - front_; }
  T& operator[](size_t i) { return items_[front_ + i]; }
  const T& operator[](size_t i) const { return items_[front_ + i]; }
  T& front() { return items_[front_]; }
  const T& front() const { return items_[front_]; }
  T* begin() { return items_.data() + front_; }
  T* end() { return items_.data() + items_.size(); }
  const T* begin() const { return items_.data() + front_; }
  const T* end() const { return items_.data() + items_.size(); }

  void push_back(T item) { items_.push_back(std::move(item)); }
  void pop_front() {
    items_[front_++] = T{};
    if (front_ == items_.size()) return clear();
    if (front_ >= kSlack && front_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(front_));
      front_ = 0;
    }
  }
  template <class Unwanted>
  void erase_if(Unwanted unwanted) {
    items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(front_));
    front_ = 0;
    std::erase_if(items_, unwanted);
  }
  // Room that a burst has taken is given back; a little is kept, for the next ones.
  void clear() {
    items_.clear();
    front_ = 0;
    if (items_.capacity() > kSlack) std::vector<T>().swap(items_);
  }

 private:
  static constexpr size_t kSlack = 32;
  std::vector<T> items_;
  size_t front_ = 0;
};

}  // namespace phoenix
