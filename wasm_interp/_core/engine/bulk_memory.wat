;; What memory.copy and memory.fill do, as loops whose every load and store may trap.
;; Unlike the instructions they do not check all bounds first: an access out of bounds traps after some bytes
;; have been written, and one of no bytes does not trap wherever it is. A trap ends the guest either way.
(module
  (memory 1)

  (func $copy (param $to i32) (param $from i32) (param $count i32) (local $block v128) (local $next v128)
    ;; Bytes would be read after they were overwritten only if `to` lies inside [from, from + count).
    (if (i32.ge_u (i32.sub (local.get $to) (local.get $from)) (local.get $count))
      (then
        (block $blocks_done
          (loop $blocks
            (br_if $blocks_done (i32.lt_u (local.get $count) (i32.const 32)))
            (local.set $block (v128.load align=1 (local.get $from)))
            (local.set $next (v128.load offset=16 align=1 (local.get $from)))
            (v128.store align=1 (local.get $to) (local.get $block))
            (v128.store offset=16 align=1 (local.get $to) (local.get $next))
            (local.set $to (i32.add (local.get $to) (i32.const 32)))
            (local.set $from (i32.add (local.get $from) (i32.const 32)))
            (local.set $count (i32.sub (local.get $count) (i32.const 32)))
            (br $blocks)))
        (if (i32.and (local.get $count) (i32.const 16))
          (then
            (v128.store align=1 (local.get $to) (v128.load align=1 (local.get $from)))
            (local.set $to (i32.add (local.get $to) (i32.const 16)))
            (local.set $from (i32.add (local.get $from) (i32.const 16)))))
        (if (i32.and (local.get $count) (i32.const 8))
          (then
            (i64.store align=1 (local.get $to) (i64.load align=1 (local.get $from)))
            (local.set $to (i32.add (local.get $to) (i32.const 8)))
            (local.set $from (i32.add (local.get $from) (i32.const 8)))))
        (if (i32.and (local.get $count) (i32.const 4))
          (then
            (i32.store align=1 (local.get $to) (i32.load align=1 (local.get $from)))
            (local.set $to (i32.add (local.get $to) (i32.const 4)))
            (local.set $from (i32.add (local.get $from) (i32.const 4)))))
        (if (i32.and (local.get $count) (i32.const 2))
          (then
            (i32.store16 align=1 (local.get $to) (i32.load16_u align=1 (local.get $from)))
            (local.set $to (i32.add (local.get $to) (i32.const 2)))
            (local.set $from (i32.add (local.get $from) (i32.const 2)))))
        (if (i32.and (local.get $count) (i32.const 1))
          (then (i32.store8 (local.get $to) (i32.load8_u (local.get $from))))))
      (else
        (local.set $to (i32.add (local.get $to) (local.get $count)))
        (local.set $from (i32.add (local.get $from) (local.get $count)))
        (block $back_done
          (loop $back
            (br_if $back_done (i32.lt_u (local.get $count) (i32.const 16)))
            (local.set $to (i32.sub (local.get $to) (i32.const 16)))
            (local.set $from (i32.sub (local.get $from) (i32.const 16)))
            (local.set $count (i32.sub (local.get $count) (i32.const 16)))
            (v128.store align=1 (local.get $to) (v128.load align=1 (local.get $from)))
            (br $back)))
        (block $bytes_done
          (loop $bytes
            (br_if $bytes_done (i32.eqz (local.get $count)))
            (local.set $to (i32.sub (local.get $to) (i32.const 1)))
            (local.set $from (i32.sub (local.get $from) (i32.const 1)))
            (local.set $count (i32.sub (local.get $count) (i32.const 1)))
            (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
            (br $bytes))))))

  (func $fill (param $to i32) (param $value i32) (param $count i32) (local $block v128)
    (local.set $block (i8x16.splat (local.get $value)))
    (block $blocks_done
      (loop $blocks
        (br_if $blocks_done (i32.lt_u (local.get $count) (i32.const 32)))
        (v128.store align=1 (local.get $to) (local.get $block))
        (v128.store offset=16 align=1 (local.get $to) (local.get $block))
        (local.set $to (i32.add (local.get $to) (i32.const 32)))
        (local.set $count (i32.sub (local.get $count) (i32.const 32)))
        (br $blocks)))
    (if (i32.and (local.get $count) (i32.const 16))
      (then
        (v128.store align=1 (local.get $to) (local.get $block))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))))
    (if (i32.and (local.get $count) (i32.const 8))
      (then
        (v128.store64_lane align=1 0 (local.get $to) (local.get $block))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))))
    (if (i32.and (local.get $count) (i32.const 4))
      (then
        (v128.store32_lane align=1 0 (local.get $to) (local.get $block))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))))
    (if (i32.and (local.get $count) (i32.const 2))
      (then
        (v128.store16_lane align=1 0 (local.get $to) (local.get $block))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))))
    (if (i32.and (local.get $count) (i32.const 1))
      (then (i32.store8 (local.get $to) (local.get $value))))))
